"""A study's masks as a DICOM object, with or without what identifies the patient."""
