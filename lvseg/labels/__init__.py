"""What experts drew: contour files, the layouts in which archives come, and contours joined to their images."""
