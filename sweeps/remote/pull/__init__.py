"""Results of a cluster, brought to this machine."""
