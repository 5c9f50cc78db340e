"""Whether a sweep can run: on this machine, or on every node of a cluster."""
