"""Runs a task of ours as a job of a cluster: what `seqsweep.sweeps.cluster_main` does there."""

from functools import partial

from seqsweep.cluster import shipping

run_task = partial(shipping.run_task, main="seqsweep.sweeps.cluster_main")
