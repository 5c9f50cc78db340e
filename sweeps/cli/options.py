"""Arguments, options and a little plumbing that several verbs share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from seqsweep.sweeps.cli import printing

if TYPE_CHECKING:
    from rich.console import Console

    from seqsweep.cluster.jobs import Jobs
    from seqsweep.results.analysis.reading import Reading
    from seqsweep.results.store import Sweep

SweepName = Annotated[
    str | None,
    typer.Argument(
        metavar="SWEEP",
        help="A sweep's id, its beginning, or a name: the newest of it.",
        show_default="the newest",
    ),
]
StoreFolder = Annotated[
    str,
    typer.Option("--store", envvar="SEQSWEEP_STORE", metavar="DIR", help="The folder that keeps the sweeps."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead.")]
Dataset = Annotated[
    str | None, typer.Option("--dataset", metavar="NAME", help="One data set.", show_default="all")
]
ArchitectureName = Annotated[
    str | None,
    typer.Option(
        "--architecture",
        metavar="NAME",
        help="A label such as 'lstm x 2 x 100', a cell such as lstm: the best of it, or a trial's id.",
        show_default="the best",
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address", metavar="HOST:PORT", help="A running Ray cluster, or 'auto'.", show_default="its own"
    ),
]
Dashboard = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="URL",
        help="The cluster's dashboard, http://HEAD:8265.",
        show_default="$SEQSWEEP_ADDRESS, $RAY_API_SERVER_ADDRESS, or what config.toml says",
    ),
]
Cpus = Annotated[
    int | None,
    typer.Option(
        "--cpus", min=1, metavar="N", help="Cores to use of this machine.", show_default="all it may"
    ),
]
CLUSTER_STORE = "~/seqsweep-store"
"""Where a submitted sweep lies on the cluster's head, unless told otherwise."""
T = TypeVar("T")


def find_sweep(store: str, prefix: str | None) -> Sweep:
    """The sweep that SWEEP and --store mean. Raises StoreError where there is none, or several."""
    from seqsweep.results.store import Store

    return Store(store).find(prefix, note)


def note(text: str) -> None:
    """Say on standard error what the answer on standard output does not hold."""
    typer.echo(f"note: {text}", err=True, color=True)


def note_cells(names: Iterable[str | None], architectures: Iterable[tuple[str, str]]) -> None:
    """Say which architecture a cell's bare name stands for, of the `architectures` shown (data set, label)."""
    for dataset, label in architectures:
        cell = label.partition(" ")[0]
        if cell in {name.lower() for name in names if name}:
            note(f"`{cell}` means the best of that cell: on {dataset} {label}")


def jobs_at(address: str | None) -> Jobs:
    """The cluster that --address, the environment or the configuration names. Raises ClusterError."""
    from seqsweep.cluster.address import dashboard
    from seqsweep.cluster.jobs import Jobs

    return Jobs(dashboard(address))


def per_dataset(
    sweep: Sweep,
    dataset: str | None,
    measure: Callable[[Reading, str, str | None], T],
    architecture: str | None = None,
) -> list[T]:
    """`measure` of one data set or, without one, of all that have what is asked for.

    Args:
        sweep: the sweep.
        dataset: its name.
        measure: gets what has been read of the sweep, the data set's name, and `architecture` or, without one, the best trial
            (None: no accuracy).
        architecture: as the user named it.

    Raises:
        NotFound: none has; the first data set's complaint.
        StoreError: a file is damaged, or the store out of reach.
    """
    from seqsweep.results.analysis.reading import Reading
    from seqsweep.results.analysis.verdict import verdict
    from seqsweep.results.errors import NotFound

    reading = Reading(sweep)
    blocks = verdict(reading, dataset).datasets
    if not blocks:
        raise NotFound(f"sweep {sweep.id} has no finished trial yet")
    found, complaints = [], []
    for block in blocks:
        try:
            found.append(
                measure(reading, block.dataset.name, block.best if architecture is None else architecture)
            )
        except NotFound as error:
            complaints.append(error)
    if not found:
        raise complaints[0]
    return found


def print_each(data: list[T], render: Callable[[T, Console], None], terminal: Console, json: bool) -> None:
    """Print what `per_dataset` found, blank lines between; or all of it as JSON."""
    if json:
        printing.write_json(data, terminal)
        return
    for place, each in enumerate(data):
        if place:
            terminal.print()
        render(each, terminal)


def print_bytes(content: bytes) -> None:
    """Data for another program, in UTF-8 whatever the terminal's encoding, to standard output.

    A terminal is shown what would command it; files and programs get every byte as it is.
    """
    from seqsweep.results.gate import print_data

    print_data(content)


def console() -> Console:
    """The terminal; rich heeds `NO_COLOR`, `COLUMNS` and pipes."""
    from seqsweep.results.views.terminal import Terminal

    return Terminal()
