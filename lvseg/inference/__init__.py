"""From frames to masks on their own grid, with a trained network."""
