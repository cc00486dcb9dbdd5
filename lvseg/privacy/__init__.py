"""What in the raw data names a patient, and whether anything that is stored or shown holds it."""
