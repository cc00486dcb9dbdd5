"""Drawings beside DICOM images as label maps: SEG, RTSTRUCT, workspaces of cvi42; what every source of labels gives."""
