"""The registered model: versions, promotion, the champion and who was before it."""
