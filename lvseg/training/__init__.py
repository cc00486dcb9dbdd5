"""How a network is trained: batches, augmentation, the loop, checkpoints, the input fingerprint."""
