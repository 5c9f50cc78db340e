"""Trained models of a sweep: exported, and used again."""
