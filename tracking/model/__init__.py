"""The model as MLflow keeps and serves it."""
