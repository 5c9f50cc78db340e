"""The transforms as a part of `model.py`: functions here, their text in an exported folder."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import getsource
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.registry import TRANSFORMS, transform_of

if TYPE_CHECKING:
    from seqsweep.seqmodels.data.transforms.base import InTorch

IMPORT = "from seqsweep.seqmodels.export.scalings import scalings\n"


def scalings() -> dict[str, tuple[InTorch, tuple[str, ...]]]:
    """List by a normalization's kind what scales raw values, and the record's numbers that it takes."""
    return {each.kind: (each.in_torch, each.numbers) for each in TRANSFORMS if each.in_torch is not None}


def check_exportable(normalization: Mapping[str, Any]) -> None:
    """Raise DataError where the transform cannot be a part of the model."""
    transform = transform_of(normalization)
    if not transform.exportable:
        kinds = [step.kind for step, _ in transform.steps(normalization) if not step.exportable]
        rule = f"what is done to the data, `{kinds[0]}`, has no twin in torch, so the model would not stand alone"
        raise DataError([Problem("export-model", rule)])


def model_code(normalization: Mapping[str, Any]) -> str:
    """Write the text of `model.py` for a folder that stands alone, with the transforms of its normalization."""
    code = Path(__file__).with_name("model.py").read_text(encoding="utf-8")
    before, found, after = code.partition(IMPORT)
    assert found, "model.py imports the scalings in one line"
    kinds = [step.kind for step, _ in transform_of(normalization).steps(normalization)]
    used = {kind: each for kind, each in scalings().items() if kind in kinds}
    functions = [getsource(function) for function, _ in used.values()]
    entries = [
        f'        "{kind}": ({function.__name__}, {numbers!r}),\n'.replace("'", '"')
        for kind, (function, numbers) in used.items()
    ]
    table = (
        "def scalings() -> dict[str, Any]:\n"
        '    """By a normalization\'s kind: what scales raw values, and the record\'s numbers that it takes."""\n'
        f"    return {{\n{''.join(entries)}    }}\n"
    )
    return before.rstrip("\n") + "\n\n\n" + "\n\n".join([*functions, table]) + "\n" + after
