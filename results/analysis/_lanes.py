"""Rows of the `lanes` table, and how they are named and picked."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from results.errors import StoreError
from results.schema import HYPERPARAMETERS
from results.store import Sweep

Lane = Mapping[str, Any]


def architecture_extras(row: Lane) -> str:
    """What is not default about an architecture: "bi last+max head 64", or nothing."""
    parts = ["bi"] if row["bidirectional"] else []
    parts += [row["readout"]] if row["readout"] != "last" else []
    parts += [f"head {row['head_hidden']}"] if row["head_hidden"] else []
    return " ".join(parts)


def architecture_label(row: Lane) -> str:
    """ "lstm x 2 x 100 bi last+max": cell x layers x hidden and what is not default."""
    return f"{row['cell']} x {row['layers']} x {row['hidden']} {architecture_extras(row)}".rstrip()


def varying_hyperparameters(rows: Iterable[Lane]) -> tuple[str, ...]:
    """Hyperparameters that were searched: those with more than one value."""
    seen: dict[str, set[Any]] = {name: set() for name in HYPERPARAMETERS}
    for row in rows:
        for name, values in seen.items():
            values.add(row[name])
    return tuple(name for name, values in seen.items() if len(values) > 1)


def by_trial(rows: Iterable[Lane]) -> dict[str, list[Lane]]:
    """Lanes of each trial."""
    trials: dict[str, list[Lane]] = {}
    for row in rows:
        trials.setdefault(row["trial"], []).append(row)
    return trials


def dataset_order(sweep: Sweep, rows: Iterable[Lane]) -> list[str]:
    """Data sets that have results, in the order of the spec."""
    present = {row["dataset"] for row in rows}
    declared = [entry["name"] for entry in sweep.info.get("datasets") or ()]
    return [name for name in declared if name in present] + sorted(present.difference(declared))


def pick_dataset(sweep: Sweep, rows: Sequence[Lane], name: str | None) -> str:
    """Check the data set's name; None: the first. Raises `StoreError` when it has no results here."""
    if not rows:
        raise StoreError(f"sweep {sweep.id} has no finished trial yet")
    names = dataset_order(sweep, rows)
    if name is None:
        return names[0]
    if name not in names:
        near = get_close_matches(name, names, n=1) or names
        raise StoreError(f"sweep {sweep.id} has no results on data set `{name}`; nearest: {', '.join(near)}")
    return name


def pick_trial(rows: Sequence[Lane], wanted: str) -> str:
    """The trial whose id begins with `wanted`, or whose architecture is called that, with or without its batch size."""
    trials = by_trial(rows)
    labels = {trial: architecture_label(lanes[0]) for trial, lanes in trials.items()}
    matches = [trial for trial in trials if trial == wanted] or [
        trial
        for trial, label in labels.items()
        if _squeezed(wanted)
        in (_squeezed(label), _squeezed(f"{label} batch {trials[trial][0]['batch_size']}"))
    ]
    matches = matches or [trial for trial in trials if wanted and trial.startswith(wanted)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        listed = ", ".join(
            f"{trial} ({labels[trial]}, batch {trials[trial][0]['batch_size']})" for trial in matches
        )
        raise StoreError(f"`{wanted}` fits several trials: {listed}; give the id")
    near = (
        get_close_matches(wanted, [*labels.values(), *trials], n=3, cutoff=0.3) or list(labels.values())[:3]
    )
    raise StoreError(f"no trial or architecture `{wanted}`; nearest: {', '.join(near)}")


def _squeezed(label: str) -> str:
    return label.replace(" ", "").replace("×", "x").lower()
