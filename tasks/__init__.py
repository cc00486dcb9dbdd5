"""What one can run: a file per stage of dvc.yaml and per command."""
