"""The verdict: which architectures win on each data set, then the sweep's receipt."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from results.analysis import DatasetVerdict, Row, Verdict
from results.views import formats, layout

WIDE = 128  # from here on, what was chosen is a column of its own
COLUMNS = (
    ("rank", ">"),
    ("cell x layers x hidden", "<"),
    *((name, ">") for name in ("train", "validation", "test", "params", "time")),
)


def render(data: Verdict, console: Console, *, options: str = "") -> None:
    """Print the heading, a table per data set, and the receipt.

    `options` is what the command that goes on with the sweep needs besides its id, such as ` --store results`.
    """
    _heading(data, console)
    for block in data.datasets:
        console.print()
        _block(block, data.seeds, console)
    console.print()
    _receipt(data, console, options)


def _heading(data: Verdict, console: Console) -> None:
    sweep = data.summary
    named = sweep.id if sweep.id.startswith(sweep.name) else f"{sweep.name} {sweep.id}"
    if not data.datasets:
        layout.facts(console, (named, "bold"), "no trial has finished yet, so there is no verdict")
        return
    over = f"mean and 95 % interval over {data.seeds} seeds" if data.seeds > 1 else "one seed, so no interval"
    layout.facts(console, (named, "bold"), "test accuracy", over, "hyperparameters chosen on validation")


def _block(block: DatasetVerdict, seeds: int, console: Console) -> None:
    entry = block.dataset
    facts = [f"{len(entry.classes)} classes"] if entry.classes else []
    splits = (("train", entry.train), ("validation", entry.validation), ("test", entry.test))
    facts += [f"{count} {name}" for name, count in splits if count is not None]
    name = formats.dataset(entry.name, entry.synthetic)
    facts += ["refit on train + validation"] if any(row.refit for row in block.rows) else []
    layout.facts(console, (name, "bold"), *facts)
    cells = max(len(row.cell) for row in block.rows)
    if console.width >= WIDE:
        _wide(block.rows, cells, seeds, console)
    else:
        _narrow(block.rows, cells, seeds, console)


def _wide(rows: Sequence[Row], cells: int, seeds: int, console: Console) -> None:
    grid = layout.table([*COLUMNS, ("chosen", "wrap")])
    for row in rows:
        shape = f"{_shape(row, cells)} {row.extras}".rstrip()
        grid.add_row(*_figures(row, shape), _remarks(row, seeds, extras=False))
    console.print(grid, highlight=False)


def _narrow(rows: Sequence[Row], cells: int, seeds: int, console: Console) -> None:
    figures = [(_figures(row, _shape(row, cells)), _remarks(row, seeds, extras=True)) for row in rows]
    layout.print_two_line_rows(console, COLUMNS, figures)


def _figures(row: Row, shape: str) -> list[Text]:
    return [
        Text(str(row.rank)),
        Text(shape, style="bold green" if row.rank == 1 and row.test.mean is not None else ""),
        Text(formats.interval(row.train)),
        Text(formats.interval(row.validation)),
        Text(formats.interval(row.test), style="bold"),
        Text(formats.compact(row.parameters)),
        Text(formats.short_duration(row.seconds)),
    ]


def _shape(row: Row, cells: int) -> str:
    return f"{row.cell:<{cells}} x {row.layers} x {row.hidden}"


def _remarks(row: Row, seeds: int, *, extras: bool) -> Text:
    """What was chosen, quietly, then what to beware of."""
    quiet = [row.extras] if extras and row.extras else []
    quiet += [formats.settings(row.chosen)] if row.chosen else []
    if row.candidate is not None and row.diverged > row.diverged_seeds:
        quiet.append(f"diverged {row.diverged} of {row.lanes} lanes")
    loud = []
    if row.candidate is None:
        loud.append("every lane diverged: nothing chosen")
    elif row.test.n == 0:
        loud.append("no test accuracy: every seed of the chosen candidate diverged")
    elif row.diverged_seeds:
        loud.append(f"diverged {row.diverged_seeds} of {formats.plural(row.seeds, 'seed')}")
    if row.unstable:
        loud.append("unstable")
    if 0 < row.test.n < seeds:
        loud.append(f"n {row.test.n}")
    text = Text(" · ".join(quiet), style="dim")
    if loud:
        text = Text.assemble(text, " · " if quiet else "", (" · ".join(loud), "yellow"))
    return text


def _receipt(data: Verdict, console: Console, options: str) -> None:
    """One line on what was run; for an unfinished sweep a second: what is missing and how to go on."""
    sweep = data.summary
    facts = [f"{sweep.finished} of {formats.plural(sweep.trials, 'trial')}" if sweep.missing else ""]
    facts[0] = facts[0] or formats.plural(sweep.finished, "trial")
    facts.append(
        formats.plural(data.lanes, "lane") + (f", {data.diverged} diverged" if data.diverged else "")
    )
    facts += [formats.duration(sweep.seconds)] if sweep.seconds is not None else []
    backends = " and ".join(data.backends) or sweep.backend
    facts += [f"{backends} backend"] if backends else []
    facts += [formats.plural(sweep.cores, "core")] if sweep.cores else []
    layout.facts(console, *((fact, "dim") for fact in [*facts, sweep.status]))
    if sweep.missing:
        are = "trial is" if sweep.missing == 1 else "trials are"
        stopped = "if it no longer runs, " if sweep.status == "running" else ""
        how = f"{stopped}continue with: seqsweep resume {sweep.id}{options}"
        layout.facts(console, (f"{sweep.missing} {are} missing", "yellow"), (how, "yellow"))
