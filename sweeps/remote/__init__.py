"""Sweeps that run elsewhere: sent to a cluster, followed, brought back."""
