"""How a model does on labelled data: accuracy with its interval, what was left out, and the confusion matrix."""

from rich.console import Console

from seqsweep.results.analysis.evaluation import Evaluation
from seqsweep.results.views import confusion, formats, layout


def render(data: Evaluation, console: Console) -> None:
    """Print it."""
    layout.facts(
        console,
        (f"{formats.percent(data.accuracy.share)} %", "bold"),
        f"95 % interval {formats.percent(data.accuracy.low)}-{formats.percent(data.accuracy.high)} (Wilson)",
        f"{data.correct} of {formats.plural(data.n, 'sequence')} of {data.data}",
    )
    if data.unknown:
        left_out = ", ".join(f"{name} ({count})" for name, count in data.unknown.items())
        count = formats.plural(sum(data.unknown.values()), "sequence")
        layout.line(console, f"left out: {count} of classes that the model does not know: {left_out}")
    if data.absent:
        layout.line(console, f"no sequences of: {', '.join(data.absent)}")
    console.print()
    confusion.render(data.confusion, console)
