"""NIfTI volumes as the frames of a cine."""
