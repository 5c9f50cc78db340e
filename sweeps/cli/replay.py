"""`seqsweep replay`: what halving would have cost and chosen in a sweep that trained everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from seqsweep.sweeps.cli.options import (
    ArchitectureName,
    Dataset,
    Json,
    StoreFolder,
    SweepName,
    console,
    find_sweep,
    note_cells,
    per_dataset,
    print_each,
)
from seqsweep.sweeps.store_option import DEFAULT_STORE

if TYPE_CHECKING:
    from rich.console import Console

    from seqsweep.sweeps.replay import Replay

NAME = "replay"
EXAMPLES = """\b
Examples:
  seqsweep replay
  seqsweep replay strokes --architecture 'lstm x 1 x 100' --candidates 8"""


def command(
    sweep: SweepName = None,
    dataset: Dataset = None,
    architecture: ArchitectureName = None,
    candidates: Annotated[
        int | None,
        typer.Option(
            "--candidates", metavar="N", help="Candidates of each draw; default: three quarters of all."
        ),
    ] = None,
    store: StoreFolder = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """Tell what dropping candidates would have saved and lost.

    For a sweep with `method = "full"`: 200 times some of its candidates are searched as `method = "halving"` would, from the
    records of every epoch, with the cut at several places. So you can see on your own data whether the default is safe.
    """
    from seqsweep.results.analysis.pick import pick
    from seqsweep.sweeps.replay import replay

    found = find_sweep(store, sweep)
    data = per_dataset(
        found,
        dataset,
        lambda reading, name, which: replay(reading, pick(reading, name, which), drawn=candidates),
        architecture,
    )
    note_cells([architecture], [(each.dataset, each.architecture) for each in data])
    print_each(data, _render, console(), json)


def _render(data: Replay, terminal: Console) -> None:
    from seqsweep.results.views import formats, layout
    from seqsweep.results.views.terminal import Text

    layout.facts(
        terminal,
        ("halving, replayed", "bold"),
        formats.dataset(data.dataset, data.synthetic),
        data.architecture,
        f"{data.drawn} of {data.candidates} candidates, {data.draws} times",
        formats.plural(data.seeds, "seed"),
    )
    rows = [
        [
            Text(each.rule),
            Text(formats.percent(each.share, 0)),
            Text(formats.interval(each.regret)),
            Text(formats.interval(each.random)),
        ]
        for each in data.rules
    ]
    columns = (("rule", "<"), ("% of the lane-epochs", ">"), ("loses", ">"), ("random loses", ">"))
    layout.print_table(terminal, columns, rows)
    text = (
        "loses: points of validation accuracy (mean over all seeds) by which the chosen candidate is below the best of those "
        "drawn, mean and 95 % interval; random: fewer candidates from all seeds, at the same cost."
    )
    layout.line(terminal, (text, "dim"))
