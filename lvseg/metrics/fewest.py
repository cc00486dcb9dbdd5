"""The fewest patients of whom a spread is told."""

FEWEST = (
    5  # patients: an interval, limits of agreement or a correlation of fewer would claim what nobody can know
)
