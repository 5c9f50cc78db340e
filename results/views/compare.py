"""Architectures, or sweeps, beside one another: differences of test accuracy, and how sure they are."""

from string import ascii_uppercase

from rich.console import Console

from seqsweep.results.analysis.comparison import Compared, Comparison, DatasetComparison
from seqsweep.results.statistics.differences import Difference
from seqsweep.results.views import formats, layout
from seqsweep.results.views.terminal import Text

TOP = 20  # architectures of two sweeps that are shown, unless all are asked for
PAIRS = (("difference", ">"), ("p seeds", ">"), ("p sequences", ">"), ("Holm p", ">"), ("", "<"))


def render(data: Comparison, console: Console, *, every: bool = False) -> None:
    """Print what is compared, and a table of differences (first minus second) for each data set."""
    layout.facts(
        console,
        (" and ".join(sweep.id for sweep in data.sweeps), "bold"),
        "test accuracy",
        "mean and 95 % interval over seeds",
        "first minus second, in points",
    )
    if len(data.sweeps) > 1:
        _specs(data, console)
    for block in data.datasets:
        console.print()
        entry = block.dataset
        tested = f"{entry.test} test sequences" if entry.test is not None else ""
        facts = [tested] if tested and block.same else []
        facts += [] if block.same else ["the sweeps have other data of this name, so other test sequences"]
        layout.facts(console, (formats.dataset(entry.name, entry.synthetic), "bold"), *facts)
        if block.sides:
            _architectures(block, console)
        else:
            _sweeps(data, block, console, every=every)
        _how(block, console)


def _specs(data: Comparison, console: Console) -> None:
    if not data.specs:
        layout.line(console, "their specs say the same")
        return
    grid = layout.table([("spec", "<"), *((sweep.id, "wrap") for sweep in data.sweeps)])
    for each in data.specs:
        grid.add_row(Text(each.field), *(Text(formats.spec_value(value)) for value in each.values))
    console.print(grid, highlight=False)


def _architectures(block: DatasetComparison, console: Console) -> None:
    names = (
        ascii_uppercase
        if len(block.sides) <= len(ascii_uppercase)
        else [str(n) for n, _ in enumerate(block.sides)]
    )
    letters = {side.trial: names[place] for place, side in enumerate(block.sides)}
    columns = [("", "<"), ("cell x layers x hidden", "<"), ("validation", ">"), ("test", ">")]
    rows = [
        (
            [
                Text(letters[side.trial], style="bold"),
                Text(side.label),
                Text(formats.interval(side.validation)),
                Text(formats.interval(side.test), style="bold"),
                Text(formats.compact(side.parameters)),
                Text(formats.short_duration(side.seconds)),
            ],
            Text(
                f"diverged {side.lost} of {formats.plural(side.seeds, 'seed')}" if side.lost else "",
                style="yellow",
            ),
        )
        for side in block.sides
    ]
    columns += [("params", ">"), ("time", ">")]
    layout.print_two_line_rows(console, columns, rows, spare=("time", "validation", "params"))
    pairs = [
        ([Text(f"{letters[pair.first.trial]} - {letters[pair.second.trial]}"), *_figures(pair)], Text())
        for pair in block.pairs
    ]
    layout.print_two_line_rows(console, (("pair", "<"), *PAIRS), pairs, spare=("p sequences", "p seeds"))


def _sweeps(data: Comparison, block: DatasetComparison, console: Console, *, every: bool) -> None:
    shown = block.pairs if every else block.pairs[: TOP * (len(data.sweeps) - 1)]
    rows = []
    for pair in shown:
        cells = [
            Text(pair.first.label),
            Text(formats.interval(pair.first.test)),
            Text(formats.interval(pair.second.test)),
        ]
        cells += [each for place, each in enumerate(_figures(pair)) if place != 2]
        lost = [side.sweep for side in (pair.first, pair.second) if side.lost]
        remark = [pair.second.sweep] if len(data.sweeps) > 2 else []
        remark += [f"seeds diverged in {' and '.join(lost)}"] if lost else []
        rows.append((cells, Text(" · ".join(remark), style="dim")))
    columns = [("cell x layers x hidden", "<"), ("first", ">"), ("second", ">"), *PAIRS[:2], *PAIRS[3:]]
    layout.print_two_line_rows(console, columns, rows, spare=("p seeds", "first"))
    if len(shown) < len(block.pairs):
        layout.line(console, (f"and {len(block.pairs) - len(shown):,} more; --all shows them", "dim"))
    if alone := data.alone.get(block.dataset.name):
        more = f" and {len(alone) - 3} more" if len(alone) > 3 else ""
        layout.line(console, (f"not in every sweep: {', '.join(alone[:3])}{more}", "dim"))


def _figures(pair: Compared) -> list[Text]:
    return [
        Text(_points(pair.difference), style="bold" if pair.apart else ""),
        Text(formats.p_value(pair.difference.p)),
        Text(formats.p_value(pair.p_sequences)),
        Text(formats.p_value(pair.p_holm)),
        Text("*" if pair.apart else " "),
    ]


def _points(difference: Difference) -> str:
    text = formats.points(difference.mean)
    return text if difference.half_width is None else f"{text} ±{formats.percent(difference.half_width)}"


def _how(block: DatasetComparison, console: Console) -> None:
    tested = [pair for pair in block.pairs if pair.p_holm is not None]
    tests = {pair.test for pair in tested}
    by_seeds = " or ".join(
        (["paired t over common seeds"] if "paired" in tests else [])
        + (["Welch's t, no pairs"] if "Welch" in tests else [])
    )
    both = any(pair.p_sequences is not None for pair in block.pairs)
    sequences = "; sequences: McNemar, seeds together" if both else ""
    if not tested:
        why = "none is told apart: a test over seeds takes two seeds of each"
        layout.line(console, (why + sequences, "dim"))
        return
    larger = " of the larger p" if both else ""
    what = f"* told apart: Holm p < 0.05{larger}, {formats.plural(len(tested), 'comparison')}"
    layout.line(console, (f"{what} (seeds: {by_seeds}{sequences})", "dim"))
