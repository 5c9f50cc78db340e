"""Synthetic data sets that are made, not shipped."""
