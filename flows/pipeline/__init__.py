"""The graph of dvc.yaml as Prefect runs it: stages, here or on other workers, how they end, what a run leaves."""
