"""Images as geometry: grids in millimetres, masks, outlines, and what is wrong with a contour."""
