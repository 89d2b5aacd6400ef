"""Searches in Optuna's storages, and our methods in Optuna's programs."""
