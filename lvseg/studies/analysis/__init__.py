"""One study measured.

`analyse` runs the steps in order: `lvseg.inference.stacks` draws the heart on every frame, `measurements` turns its
lines into volumes, `augmentation`, `out_of_distribution` and `assessment` say how far to trust them. `result` is what
all outputs are made of, `loaded_model` the network with what is known of it.
"""
