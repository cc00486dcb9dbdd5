"""How good and how fast the models are, in training, in prediction and behind a server."""
