"""Labels of any source as label maps: NIfTI, DICOM SEG and RTSTRUCT, workspaces of cvi42."""
