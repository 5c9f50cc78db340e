"""What `sweep.json` says about where a sweep came from."""

from __future__ import annotations

import shlex
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqsweep.cluster.limits import usable_cpus
from seqsweep.sweeps.datasets.description import description
from seqsweep.sweeps.spec.plan import lane_count
from seqsweep.sweeps.versions import installed_versions, revision

if TYPE_CHECKING:
    from seqsweep.seqmodels.data.dataset import SequenceDataset
    from seqsweep.seqmodels.data.splits import Splits
    from seqsweep.sweeps.spec.model import Spec
    from seqsweep.sweeps.spec.plan import TrialPlan


def info(
    spec: Spec, plans: Sequence[TrialPlan], data: Sequence[tuple[SequenceDataset, Splits]]
) -> dict[str, Any]:
    """The fields of a new `sweep.json`: plain values."""
    return {
        "name": spec.name,
        "status": "running",
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "spec": spec.to_table(),
        "trials": len(plans),
        "lanes": lane_count(plans),
        "datasets": [description(*each) for each in data],
        "versions": installed_versions(),
        "git": revision(),
        "host": socket.gethostname(),
        "cores": usable_cpus(),
    }
