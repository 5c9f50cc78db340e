"""The verdict: which architectures win on each data set, then the sweep's receipt."""

from rich.console import Console

from seqsweep.results.analysis.verdict import DatasetVerdict, Verdict
from seqsweep.results.analysis.verdict_row import Row
from seqsweep.results.statistics.differences import ALPHA
from seqsweep.results.statistics.interval import Interval
from seqsweep.results.views import formats, layout
from seqsweep.results.views.terminal import Text

WIDE = 128  # from here on, what was chosen is a column of its own
WIDER = 24  # so much more where `AVERAGES` are there
FEW, TOP = 30, 20
MOST_AVERAGES = 100  # rows of a data set whose macro F1 is read where all are shown
MOST_RUNS = 6  # commas and dashes of a list of ranks
_NONE = Interval(None, None, 0)
COLUMNS = (
    ("rank", ">"),
    ("", "<"),  # whether it is tied with the best
    ("cell x layers x hidden", "<"),
    *((name, ">") for name in ("train", "validation", "test", "params", "time")),
)
AVERAGES = (("macro F1", ">"), ("balanced", ">"))  # after test, where classes are uneven


def render(data: Verdict, console: Console, *, options: str = "", every: bool = False) -> None:
    """Print the heading, a table per data set, and the receipt.

    `options` is what the command that goes on with the sweep needs besides its id, such as ` --store results`. Of more than
    `FEW` architectures the first `TOP` are shown, unless `every` one is asked for.
    """
    _heading(data, console)
    for block in data.datasets:
        console.print()
        _block(block, data.seeds, console, every=every)
    console.print()
    _receipt(data, console, options)


def _heading(data: Verdict, console: Console) -> None:
    sweep = data.summary
    named = sweep.id if sweep.id.startswith(sweep.name) else f"{sweep.name} {sweep.id}"
    if not data.datasets:
        layout.facts(console, (named, "bold"), "no trial has finished yet, so there is no verdict")
        return
    layout.facts(
        console, (named, "bold"), "test accuracy", _over(data), "hyperparameters chosen on validation"
    )


def _over(data: Verdict) -> str:
    """Say what the figures are of."""
    if data.seeds < 2:
        return "one seed, so no interval"
    figures = (
        each
        for block in data.datasets
        for row in block.rows
        for each in (row.train, row.validation, row.test, *(_averages(row) if block.uneven else ()))
    )
    cut = " (within 0 to 100)" if any(each.leaves_the_scale for each in figures) else ""
    fresh = [row for block in data.datasets for row in block.rows if row.fresh]
    if fresh:
        searched = formats.plural(max(row.validation_seeds for row in fresh), "seed")
        return f"mean and 95 % interval{cut} over {data.seeds} fresh seeds (validation: {searched} of the search)"
    return f"mean and 95 % interval{cut} over {data.seeds} seeds"


def _block(block: DatasetVerdict, seeds: int, console: Console, *, every: bool) -> None:
    entry = block.dataset
    facts = [f"{len(entry.classes)} classes"] if entry.classes else []
    splits = (("train", entry.train), ("validation", entry.validation), ("test", entry.test))
    facts += [f"{count} {name}" for name, count in splits if count is not None]
    name = formats.dataset(entry.name, entry.synthetic)
    facts += ["refit on train + validation"] if any(row.refit for row in block.rows) else []
    layout.facts(console, (name, "bold"), *facts)
    rows = block.rows
    if len(rows) > FEW and not every:
        rows = tuple(row for row in rows if row.rank <= TOP or row.cheapest)
    cells = max(len(row.cell) for row in rows)
    averages = block.uneven and any(row.by_class for row in rows)
    place = [name for name, _ in COLUMNS].index("test") + 1
    columns = [*COLUMNS[:place], *(AVERAGES if averages else ()), *COLUMNS[place:]]
    wide = console.width >= WIDE + (WIDER if averages else 0)
    lines = [
        (
            _figures(row, block, cells, extras=wide, averages=averages),
            _remarks(row, seeds, extras=not wide),
        )
        for row in rows
    ]
    if wide:
        grid = layout.table([*columns, ("chosen", "wrap")])
        for figures, remark in lines:
            grid.add_row(*figures, remark)
        console.print(grid, highlight=False)
    else:
        spare = (*(name for name, _ in AVERAGES), "train", "time", "validation", "params")
        layout.print_two_line_rows(console, columns, lines, spare=spare)
    if len(rows) < len(block.rows):
        layout.line(console, (f"and {len(block.rows) - len(rows):,} more; --all shows them", "dim"))
    _ties(block, console)
    _search(block, console)
    if block.majority is not None:
        share = formats.percent(block.majority.share)
        text = f"Always answering the largest class, {block.majority.label}, would give {share} on test."
        layout.line(console, (text, "dim"))
    layout.remarks(console, "beware", [caution.text for caution in block.cautions], "yellow")


def _search(block: DatasetVerdict, console: Console) -> None:
    """Say how many candidates the search dropped half-way, and how well the order there foretold the end."""
    dropped = [row for row in block.rows if row.cut]
    if not dropped:
        return
    tried, cut = sum(row.candidates for row in dropped), sum(row.cut for row in dropped)
    text = f"Of {tried:,} candidates {cut:,} were dropped half-way, by one seed each."
    known = sorted(row.agreement for row in dropped if row.agreement is not None)
    if known:
        middle = known[len(known) // 2]
        text += f" Of the others, the order then and at the end agree by Kendall's tau {middle:.2f}"
        text += " (median)." if len(known) > 1 else "."
    layout.line(console, (text, "dim"))


def _figures(row: Row, block: DatasetVerdict, cells: int, *, extras: bool, averages: bool) -> list[Text]:
    shape = f"{row.cell:<{cells}} x {row.layers} x {row.hidden}"
    return [
        Text(formats.places(row.rank_low, row.rank_high)),
        Text("●" if row.tied else " "),
        Text(
            f"{shape} {row.extras}".rstrip() if extras else shape,
            style="bold green" if row.trial == block.best else "",
        ),
        Text(formats.interval(row.train)),
        Text(formats.interval(row.validation)),
        Text(formats.interval(row.test), style="bold"),
        *(Text(formats.interval(figure)) for figure in _averages(row) if averages),
        Text(formats.compact(row.parameters)),
        Text(formats.short_duration(row.seconds)),
    ]


def _averages(row: Row) -> tuple[Interval, Interval]:
    """Give what `AVERAGES` shows; no values where none were read."""
    if row.by_class is None:
        return _NONE, _NONE
    return row.by_class.test.macro_f1, row.by_class.test.balanced_accuracy


def _ties(block: DatasetVerdict, console: Console) -> None:
    """Say who cannot be told from the best."""
    if not block.comparisons:
        return
    tied = [row.rank for row in block.rows if row.tied]
    each = "" if block.every_pair else "each against the best, "
    how = f"({each}paired t over seeds, Holm p {'>' if len(tied) > 1 else '<'} {ALPHA})"
    if len(tied) == 1:
        layout.line(console, f"The best is told apart from all others {how}.")
    elif (runs := formats.runs(tied)).count("-") + runs.count(",") > MOST_RUNS:
        layout.line(console, f"● {len(tied):,} of {len(block.rows):,} cannot be told from the best {how}.")
    else:
        layout.line(console, f"● Ranks {runs} cannot be told from the best {how}.")


def _remarks(row: Row, seeds: int, *, extras: bool) -> Text:
    """Print what was chosen, quietly, then what to beware of."""
    good = "cheapest of those tied" if row.cheapest else ""
    quiet = [row.extras] if extras and row.extras else []
    quiet += [formats.settings(row.chosen)] if row.chosen else []
    if row.candidate is not None and row.diverged > row.diverged_seeds:
        quiet.append(f"diverged {row.diverged} of {row.lanes} models")
    loud = []
    if row.candidate is None:
        loud.append("every model diverged: nothing chosen")
    elif row.test.n == 0:
        loud.append("no test accuracy: every seed of the chosen candidate diverged")
    elif row.diverged_seeds:
        loud.append(f"diverged {row.diverged_seeds} of {formats.plural(row.seeds, 'seed')}")
    elif row.unstable:
        loud.append("unstable")
    if 0 < row.test.n < seeds:
        loud.append(f"n {row.test.n}")
    parts = [(good, "green"), (" · ".join(quiet), "dim"), (" · ".join(loud), "yellow")]
    return Text(" · ").join(Text(text, style=style) for text, style in parts if text)


def _receipt(data: Verdict, console: Console, options: str) -> None:
    """One line on what was run; for an unfinished sweep a second: what is missing and how to go on."""
    sweep = data.summary
    facts = [f"{sweep.finished} of {formats.plural(sweep.trials, 'trial')}" if sweep.missing else ""]
    facts[0] = facts[0] or formats.plural(sweep.finished, "trial")
    facts.append(
        formats.plural(data.lanes, "model") + (f", {data.diverged} diverged" if data.diverged else "")
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
