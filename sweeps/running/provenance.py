"""What `sweep.json` says about where a sweep came from."""

from __future__ import annotations

import platform
import shlex
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqsweep.cluster.limits import usable_cpus
from seqsweep.seqmodels.data.findings import findings
from seqsweep.seqmodels.data.source import source_format
from seqsweep.sweeps.spec.plan import lane_count

if TYPE_CHECKING:
    from seqsweep.results.analysis import Caution
    from seqsweep.seqmodels.data.dataset import SequenceDataset
    from seqsweep.seqmodels.data.splits import Splits
    from seqsweep.sweeps.running.prepare import Data
    from seqsweep.sweeps.spec.model import Spec
    from seqsweep.sweeps.spec.plan import TrialPlan

PACKAGES = ("seqsweep", "torch", "ray", "numpy", "pyarrow")


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
        "datasets": [description(*each, source) for each, source in zip(data, spec.datasets, strict=True)],
        "versions": versions(),
        "git": revision(),
        "host": socket.gethostname(),
        "cores": usable_cpus(),
    }


def data_cautions(spec: Spec, data: Data) -> dict[str, tuple[Caution, ...]]:
    """What to beware of in the data before anything is trained, by data set; none where there is nothing."""
    from seqsweep.results import analysis

    found = {
        name: analysis.data_cautions(description(*each, source))
        for (name, each), source in zip(data.items(), spec.datasets, strict=True)
    }
    return {name: cautions for name, cautions in found.items() if cautions}


def versions() -> dict[str, str]:
    """Of Python and of the packages that numbers may depend on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # run from a source tree that is not installed
            found[package] = "unknown"
    return found


def revision() -> str | None:
    """Git revision of seqsweep's own source tree, `-dirty` where it was edited; None where there is none."""
    source = Path(__file__).resolve().parents[2]
    if not (source / ".git").exists():
        return None
    command = ["git", "-C", str(source), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()


def description(dataset: SequenceDataset, splits: Splits, source: str | Mapping[str, Any]) -> dict[str, Any]:
    """What `sweep.json` says about a data set, findings included: plain values.

    It takes a pass over the data, as no reader of the store has them.
    """
    parts = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    return {
        "name": dataset.name,
        "format": source_format(source),
        "synthetic": dataset.synthetic,
        "features": dataset.feature_count,
        "classes": list(dataset.class_names),
        "train": len(splits.train),
        "validation": len(splits.validation),
        "test": len(splits.test),
        "fingerprint": dataset.fingerprint,
        "normalization": dict(dataset.normalization),
        "notes": list(dataset.notes),
        "length_min": int(dataset.length.min()),
        "length_median": float(np.median(dataset.length)),
        "length_max": int(dataset.length.max()),
        "tokens": int(dataset.length.sum()),
        "groups": None if dataset.group is None else len(np.unique(dataset.group)),
        "class_counts": {
            name: np.bincount(dataset.label[part], minlength=dataset.class_count).tolist()
            for name, part in parts.items()
        },
        "class_lengths": [
            [int(length.min()), float(np.median(length)), int(length.max())]
            for length in (dataset.length[dataset.label == label] for label in range(dataset.class_count))
        ],
        "findings": [asdict(finding) for finding in findings(dataset, splits)],
    }
