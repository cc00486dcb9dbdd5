"""A study's page: pictures, moving cine and volume curve."""
