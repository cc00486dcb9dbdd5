"""One study measured.

`analyse` runs the steps in order: `segmentation` marks the cavity on every frame, `ventricle_regions` tells the
ventricle from other bright regions, `atrial_slices` leaves out slices beyond the base, `measurements` turns outlines
into volumes, `out_of_distribution` and `assessment` say how far these may be trusted. `result` is what all outputs are
made of, `loaded_model` the network with what is known of it.
"""
