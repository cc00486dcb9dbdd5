"""The domain: from DICOM and contours to models, masks, scores and pictures."""
