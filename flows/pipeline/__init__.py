"""The graph of dvc.yaml as Prefect runs it: stages, their dispatch to workers, how they end, their outcome."""
