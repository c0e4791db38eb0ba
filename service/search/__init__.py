"""The search: the loop of a study and its strategies. The only place that imports Optuna."""
