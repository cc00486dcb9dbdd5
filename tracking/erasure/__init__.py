"""One patient taken out of DVC's stores, MLflow and this machine, and who learnt from him."""
