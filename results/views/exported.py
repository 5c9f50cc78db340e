"""What `seqsweep export-model` says at its end."""

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from seqsweep.results.analysis.chosen_model import ChosenModel
from seqsweep.results.views import formats, layout


def render(model: ChosenModel, folder: Path, differences: Mapping[str, float], console: Console) -> None:
    """Print which model it is, how good, and how to use it. `differences`: of each file from torch.nn."""
    layout.facts(
        console,
        (model.label, "bold"),
        formats.dataset(model.dataset, model.synthetic),
        f"seed {model.seed}" + ("" if "seed" in model.named else " (best on validation)"),
    )
    test = f"{formats.proportion(model.test)} % on {formats.plural(model.test_n, 'test sequence')}"
    layout.line(console, f"accuracy {formats.percent(model.validation_accuracy)} % on validation, {test}")
    checks = ", ".join(f"{name} {difference:.0e}" for name, difference in differences.items())
    layout.line(console, f"read back and compared with torch.nn, largest difference of a logit: {checks}")
    layout.line(console, f"written to {folder}; use it with: seqsweep predict {folder} FILES...")
