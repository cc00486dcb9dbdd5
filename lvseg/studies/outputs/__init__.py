"""What is written of a study: page, film, DICOM Segmentation, NIfTI, contours, tables."""
