"""Which patient is in which part, by chance or by an official list, and what makes a test set the same."""
