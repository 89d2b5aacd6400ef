"""Regression with uncertainty, for searches that model what they were told."""
