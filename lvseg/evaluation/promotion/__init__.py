"""The rules by which a model may take the place of the one in use."""
