"""What can be wrong with a cluster."""


class ClusterError(ValueError):
    """The asked-for cluster cannot be reached, or has not what a trial needs."""
