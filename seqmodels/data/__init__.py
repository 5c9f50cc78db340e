"""Sequence data sets: flat tokens, readers, splits and the embedded generators."""
