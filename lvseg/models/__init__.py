"""The networks, one file each: `build(settings)` returns a compiled model.

A network takes images (batch, size, size, 1) float32, normalised by `lvseg.imaging.grid`, and returns logits
(batch, size, size, 2) for background and cavity; the arg max is the segmentation.
"""
