"""An early cut is warned of, in the verdict and in the plan."""

from pathlib import Path

import pytest

from seqsweep.results.analysis.search_cautions import search_cautions
from seqsweep.results.analysis.verdict import verdict
from seqsweep.results.store import Store
from tests.support.example_sweep import write_example


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"candidates": 8, "search": {"method": "halving", "first": 0.25}}, True),
        ({"search": {"method": "halving", "first": 0.25}}, True),  # a grid
        ({"candidates": 4, "search": {"method": "halving", "first": 0.25}}, False),
        ({"candidates": 8, "search": {"method": "halving", "first": 0.5}}, False),
        ({"candidates": 8, "search": {"method": "full", "first": 0.25}}, False),
        ({"candidates": 8}, False),
    ],
)
def test_below_the_middle_it_is_told(spec: dict[str, object], told: bool) -> None:
    found = search_cautions(spec)
    assert bool(found) == told
    if told:
        assert found[0].text.startswith("candidates are dropped after 25 % of the epochs")


def test_the_verdict_says_it(tmp_path: Path) -> None:
    sweep = write_example(tmp_path)
    sweep.update(spec={"candidates": 8, "search": {"method": "halving", "first": 0.125}})
    for block in verdict(Store(tmp_path).find(sweep.id)).datasets:
        assert block.cautions[-1].text.startswith("candidates are dropped after 12.5 %")
