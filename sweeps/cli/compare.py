"""`seqsweep compare`: architectures, or sweeps, beside one another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from seqsweep.sweeps.cli.options import Dataset, Json, StoreFolder, console, find_sweep, note_cells
from seqsweep.sweeps.store_option import DEFAULT_STORE

if TYPE_CHECKING:
    from seqsweep.results.analysis.comparison import Comparison
    from seqsweep.results.errors import NotFound
    from seqsweep.results.store import Sweep

NAME = "compare"
EXAMPLES = """\b
Examples:
  seqsweep compare 'gru x 2 x 100' 'lstm x 2 x 100'
  seqsweep compare reference-7f3 'gru x 1 x 100' 'gru x 2 x 100' 'gru x 3 x 100'
  seqsweep compare reference-7f3 reference-a04 --json"""


def command(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME",
            help="Two or more sweeps, or architectures (labels, cells or trials' ids), with their sweep before them.",
        ),
    ],
    dataset: Dataset = None,
    store: StoreFolder = DEFAULT_STORE,
    every: Annotated[bool, typer.Option("--all", help="All architectures, however many there are.")] = False,
    json: Json = False,
) -> None:
    """Say how sure a difference is.

    Of architectures, those of the newest sweep if none is named: each pair's difference of test accuracy with its 95 %
    interval, and tests that it is none, Holm-corrected for all pairs. Of sweeps: what differs in their specs, and each
    architecture in the first one against the same one in the others.
    """
    from seqsweep.results.views.compare import render
    from seqsweep.sweeps.cli.printing import write_json

    data = _compared(names, dataset, store)
    note_cells(names, [(each.dataset.name, side.label) for each in data.datasets for side in each.sides])
    terminal = console()
    if json:
        write_json(data, terminal)
    else:
        render(data, terminal, every=every)


def _compared(names: list[str], dataset: str | None, store: str) -> Comparison:
    from seqsweep.results.analysis.comparison import compare_architectures, compare_sweeps
    from seqsweep.results.errors import Invalid, NotFound

    sweeps, complaint = _leading_sweeps(names, store)
    if complaint is None and len(sweeps) > 1:
        if len({sweep.id for sweep in sweeps}) < len(sweeps):
            raise typer.BadParameter("one sweep is named twice, but they must be different ones")
        return compare_sweeps(sweeps, dataset)
    architectures = names[len(sweeps) :]
    if len(sweeps) > 1:
        raise Invalid(f"{complaint}; as {sweeps[1].id} is a sweep, all names must be sweeps")
    if sweeps and len(architectures) == 1:
        raise Invalid(f"{complaint}; to compare architectures of {sweeps[0].id}, name two or more")
    if len(architectures) < 2:
        raise typer.BadParameter(
            "one alone cannot be compared: name at least two architectures, or two sweeps"
        )
    if sweeps:
        return compare_architectures(sweeps[0], architectures, dataset)
    newest = find_sweep(store, None)
    try:
        return compare_architectures(newest, architectures, dataset)
    except NotFound as error:
        where = f"looked for in {newest.id}, the newest sweep, as `{names[0]}` is the name of none"
        raise NotFound(f"{error}; {where}") from error


def _leading_sweeps(names: list[str], store: str) -> tuple[list[Sweep], NotFound | None]:
    """The sweeps that the first names are; why the next one is none, or None where all are.

    Raises StoreError where the first one fits several, or a sweep is damaged.
    """
    from seqsweep.results.errors import Ambiguous, NotFound

    found: list[Sweep] = []
    for name in names:
        try:
            found.append(find_sweep(store, name))
        except NotFound as error:
            # a later one may be the beginning of a trial's id
            if isinstance(error, Ambiguous) and not found:
                raise
            return found, error
    return found, None
