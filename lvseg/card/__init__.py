"""The model card of a registered version: a page and a few lines, made of the facts of its run."""
