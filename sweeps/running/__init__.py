"""A sweep on the Ray of this machine or of a cluster: prepared, trained, written down."""
