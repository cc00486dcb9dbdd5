"""Models that were evaluated on one test set, held against each other patient by patient.

`compare` makes the figures, `comparison_page` shows them in the terminal and as HTML, `dice_scatter` draws the Dice of
every patient, and `write_page` writes the page with all its pictures.
"""
