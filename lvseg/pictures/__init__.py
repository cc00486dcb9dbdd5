"""What a person looks at: deterministic PNG files, drawn with Matplotlib.

A file for each kind of picture, of a training (`curves`, `network`), of scores (`distribution`, `agreement`) and of
images (`samples`, `overlays`); `style` is the look that they share.
"""
