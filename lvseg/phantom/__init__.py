"""A synthetic short-axis cine data set: a beating heart in a chest, scanned and written as DICOM."""
