"""What is scanned: a beating heart among the tissues of a chest, as continuous functions of position."""
