"""How masks say that nothing is known of a structure."""

UNKNOWN = -1.0  # in place of every value of its channel
