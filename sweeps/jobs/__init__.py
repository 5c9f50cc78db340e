"""Sweeps as jobs of a Ray cluster."""
