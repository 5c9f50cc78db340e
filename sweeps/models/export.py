"""From a sweep's store to a model's folder."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqsweep.results.errors import StoreError
from seqsweep.seqmodels.architecture import Architecture

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from seqsweep.results.analysis.chosen_model import ChosenModel
    from seqsweep.results.store import Sweep
    from seqsweep.seqmodels.export.description import Description


def export_model(sweep: Sweep, model: ChosenModel, folder: Path) -> dict[str, float]:
    """Write `model` and all that is needed to use it into the new `folder`.

    Args:
        sweep: where it is.
        model: what `seqsweep.results.analysis.chosen_model` found in it.
        folder: must not exist, or be empty.

    Returns:
        For each file that computes: the largest difference of a logit from torch.nn.

    Raises:
        StoreError: the weights cannot be read, or nobody knows the normalization.
        DataError, ExportError: as `seqsweep.seqmodels.export.writing.write_model`.
    """
    from seqsweep.seqmodels.data.notes import say
    from seqsweep.seqmodels.export.writing import check_place, without_onnx, write_model

    check_place(folder)
    state = sweep.model(model.trial, model.candidate, model.seed)
    description = describe(sweep, model)
    _check_weights(f"weights of trial {model.trial}, seed {model.seed}", description, state)
    found = write_model(folder, description, state)
    if reason := without_onnx(description):
        say([f"model.onnx is left out: {reason}"])
    return found


def _check_weights(what: str, description: Description, state: Mapping[str, NDArray[np.float32]]) -> None:
    """Raise StoreError unless they are those of the architecture."""
    from seqsweep.seqmodels.layout import Layout

    layout = Layout(description.architecture, description.width, len(description.classes))
    wanted = {part.torch_name: tuple(part.shape) for part in layout.slices.values()}
    found = {name: array.shape for name, array in state.items()}
    for name in sorted(wanted.keys() | found.keys()):
        if found.get(name) != wanted.get(name):
            there, rule = (list(each[name]) if name in each else "absent" for each in (found, wanted))
            raise StoreError(
                f"{what}: `{name}` is {there}, but must be {rule} for {description.architecture.label}"
            )


def describe(sweep: Sweep, model: ChosenModel) -> Description:
    """Tell what the store knows, as `model.json` says it. Raises StoreError, DataError."""
    from seqsweep.seqmodels.data.transforms.pipeline import raw_features
    from seqsweep.seqmodels.export.description import Description

    place = [entry["name"] for entry in sweep.info["datasets"]].index(model.dataset)
    entry = sweep.info["datasets"][place]
    shape, given = model.architecture, _input(sweep, place)
    try:
        return Description(
            Architecture.from_record(shape),
            features=raw_features(given["normalization"], entry["features"]),
            classes=tuple(entry["classes"]),
            **given,
            source=_source(model, entry),
            figures=_figures(model, entry),
            versions=sweep.info.get("versions") or {},
        )
    except ValueError as error:
        raise StoreError(f"sweep {sweep.id}, data set `{model.dataset}`: {error}") from error


def _source(model: ChosenModel, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Everything but the figures."""
    names: tuple[str, ...] = (
        "sweep",
        "dataset",
        "synthetic",
        "trial",
        "candidate",
        "seed",
        "seeds",
        "architectures",
        "named",
    )
    names += ("parameters", "batch_size", "epochs", "refit", "hyperparameters")
    source = {name: getattr(model, name) for name in names} | {"architecture": model.label}
    return _plain(source | {name: entry[name] for name in ("fingerprint", "length_min", "length_max")})


def _figures(model: ChosenModel, entry: Mapping[str, Any]) -> dict[str, Any]:
    test = model.test
    return _plain(
        {
            "validation_accuracy": model.validation_accuracy,
            "validation_loss": model.validation_loss,
            "validation_n": entry["validation"],
            "test": {"accuracy": test.share, "low": test.low, "high": test.high, "n": model.test_n},
            "seeds": {"validation": asdict(model.validation_seeds), "test": asdict(model.test_seeds)},
            "classes": [asdict(each) for each in model.classes],
        }
    )


def _plain(table: dict[str, Any]) -> dict[str, Any]:
    """Give values as they are read back from JSON: no tuples, and null for NaN."""
    import json

    from seqsweep.results.views import json_view

    plain: dict[str, Any] = json.loads(json_view.dump(table, indent=None))
    return plain


def _input(sweep: Sweep, place: int) -> dict[str, Any]:
    """The files' format, and what was done to their numbers. Raises StoreError where an older seqsweep did not say."""
    entry = sweep.info["datasets"][place]
    for name in ("reading", "normalization"):
        if name not in entry:
            raise StoreError(
                f"sweep {sweep.id} is of an older seqsweep and does not say how `{entry['name']}` was read and normalised: "
                "run it again"
            )
    return {"reading": entry["reading"], "normalization": entry["normalization"]}
