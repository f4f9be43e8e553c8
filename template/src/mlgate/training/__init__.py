"""From rows to a fitted model, its file and its run in MLflow."""
