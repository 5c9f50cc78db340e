"""What is out of reach, of a newer version or damaged is said, and never passes for "nobody recorded it"."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from seqsweep.results.analysis.comparison import compare_architectures
from seqsweep.results.analysis.confusion_contrast import contrast
from seqsweep.results.analysis.report import report
from seqsweep.results.errors import (
    Damaged,
    Invalid,
    Missing,
    Newer,
    NotFound,
    Refused,
    StoreError,
    Unreachable,
)
from seqsweep.results.files import Folder
from seqsweep.results.store import Sweep
from seqsweep.sweeps.cli.options import per_dataset

TWO = ("gru x 2 x 100", "lstm x 2 x 100")
ERRORS = (Unreachable, Refused, Newer, Damaged, Missing)
FIGURES: dict[str, Callable[[Sweep], Any]] = {
    "compare": lambda sweep: compare_architectures(sweep, TWO),
    "report": report,
    "per data set": lambda sweep: per_dataset(
        sweep, None, lambda reading, name, _: contrast(reading, name, TWO[0], TWO[1]), TWO[0]
    ),
}


@pytest.mark.parametrize("figure", FIGURES)
def test_predictions_out_of_reach_do_not_change_a_verdict(
    own_sweep: Sweep, monkeypatch: pytest.MonkeyPatch, figure: str
) -> None:
    whole = Folder.read_sealed
    error: type[StoreError] = StoreError

    def out_of_reach(folder: Folder, name: str, *, required: bool = False) -> pa.Buffer:
        if folder.path.endswith("/predictions"):
            raise error(f"cannot read {folder / name}: a test says so")
        return whole(folder, name, required=required)

    FIGURES[figure](own_sweep)
    monkeypatch.setattr(Folder, "read_sealed", out_of_reach)
    for error in ERRORS:
        with pytest.raises(error, match="predictions/") as raised:
            FIGURES[figure](own_sweep)
        assert type(raised.value) is error


def test_only_what_is_not_there_may_be_done_without() -> None:
    assert not any(issubclass(each, NotFound) for each in (*ERRORS, Invalid))
