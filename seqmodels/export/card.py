"""The model card: what `model.json` says, for people (Mitchell et al., 2019, "Model Cards for Model Reporting")."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from seqsweep.seqmodels.data.registry import format_named, transform_of
from seqsweep.seqmodels.hyperparameters import Hyperparameters

FILES = """\
| file | what it is |
| --- | --- |
| `weights.safetensors` | the weights: a state dict of plain `torch.nn` modules |
| `model.py` | these modules around them; needs torch and safetensors, nothing of seqsweep |
| `model.onnx` | the same for onnxruntime |
| `model.pt2` | the same as a `torch.export` program; `torch.export.load` may unpickle, so load none that you do not trust |
| `model.json` | all that is said here, for programs |"""
USE = """\
All of them take `values [batch, length, {features}]` (float64, raw, padded with anything) and `lengths [batch]` (int64, 1 or
more), and give `logits [batch, {classes}]` (float32) in the order of the classes. A row is {row}. {scaling}
That is part of the model.

```python
from model import load, pad                       # in this folder

model = load(".")
values, lengths = pad(sequences)                  # lists of rows, of unequal lengths
classes = [model.classes[place] for place in model(values, lengths).argmax(1)]
```

```sh
seqsweep predict FOLDER FILES...
seqsweep evaluate FOLDER DATA
```"""


def card(table: Mapping[str, Any]) -> str:
    """Write README.md from the content of `model.json`. Headings without content are left out."""
    source, figures, normalization = table["source"], table["figures"], table["input"]["normalization"]
    left_out = table.get("left_out", {})
    files = [line for line in FILES.split("\n") if not any(f"`{name}`" in line for name in left_out)]
    name = _text(
        f"{source.get('architecture', 'recurrent classifier')} · {source.get('dataset', 'sequences')}"
    )
    parts = [
        f"# {name}",
        f"Tells which of {len(table['classes'])} classes a sequence belongs to: "
        + ", ".join(f"`{_text(each)}`" for each in table["classes"])
        + ".",
        "\n".join(files),
        *(f"`{name}` is left out: {_text(reason)}." for name, reason in left_out.items()),
        "## Use",
        USE.format(
            features=table["input"]["features"],
            classes=len(table["classes"]),
            row=format_named(table["input"]["format"]).row,
            scaling=transform_of(normalization).describe(normalization),
        ),
        *_figures(figures),
        *_origin(source),
        "## Intended use and limits",
        _limits(table),
        *_versions(table["versions"]),
    ]
    return "\n\n".join(parts) + "\n"


def _figures(figures: Mapping[str, Any]) -> list[str]:
    if not figures:
        return []
    seeds, test = figures["seeds"], figures["test"]
    own = f"{_percent(test['accuracy'])} ({_percent(test['low'])}-{_percent(test['high'])})"
    rows = [
        (
            "validation",
            figures["validation_n"],
            _percent(figures["validation_accuracy"]),
            seeds["validation"],
        ),
        ("test", test["n"], own, seeds["test"]),
    ]
    accuracy = ["| accuracy, % | this model | mean over seeds |", "| --- | --- | --- |"] + [
        f"| {part}, n {n} | {figure} | {_mean(over_seeds)} |" for part, n, figure, over_seeds in rows
    ]
    classes = ["| class | recall, % | precision, % | test sequences |", "| --- | --- | --- | --- |"] + [
        f"| {_text(each['name'])} | {_percent(each['recall'])} | {_percent(each['precision'])} | {each['n']} |"
        for each in figures["classes"]
    ]
    words = (
        "In brackets Wilson's 95 % interval over sequences; ± is the half width of Student's 95 % interval over the "
        f"{seeds['test']['n']} seeds of this candidate. The test part was read once, after all choices; validation "
        "figures are what the choices were made by, and so flatter."
    )
    return ["## Figures", "\n".join(accuracy), "\n".join(classes), words]


def _origin(source: Mapping[str, Any]) -> list[str]:
    if not source:
        return []
    data = f"data set `{_text(source['dataset'])}`"
    if source["synthetic"]:
        data += ", which is **synthetic**: generated, not measured"
    several = f"has the best mean test accuracy of the sweep's {source['architectures']} on this data set, which flatters it"
    asked = "is the only one of the sweep on this data set" if source["architectures"] == 1 else several
    asked = "was asked for" if "architecture" in source["named"] else asked
    seed = f"Seed {source['seed']} was asked for."
    if "seed" not in source["named"]:
        seeds = ", ".join(map(str, source["seeds"]))
        seed = f"Of the seeds {seeds}, {source['seed']} has the best validation accuracy; this choice saw no test figure."
    refit = ""
    if source["refit"]:
        refit = " Then it was trained again on training and validation data together; validation figures are from before."
    return [
        "## Where it comes from",
        f"Sweep `{source['sweep']}`, trial `{source['trial']}`, candidate {source['candidate']}, seed {source['seed']}; "
        f"{data} (SHA-256 `{source['fingerprint']}`).",
        f"The architecture {asked}; its hyperparameters have the best mean validation accuracy. {seed}{refit}",
        f"{source['parameters']} parameters, batches of {source['batch_size']}, {source['epochs']} epochs; "
        f"{_settings(source['hyperparameters'])}.",
    ]


def _settings(hyperparameters: Mapping[str, Any]) -> str:
    """List the settings that are not as usual, and always the learning rate and the optimizer."""
    usual = asdict(Hyperparameters())
    told = {
        name: value
        for name, value in hyperparameters.items()
        if name in ("lr", "optimizer") or value != usual.get(name)
    }
    return ", ".join(f"{name} {value}" for name, value in told.items())


def _limits(table: Mapping[str, Any]) -> str:
    source = table["source"]
    lengths = (
        f" It was trained on sequences of {source['length_min']} to {source['length_max']} steps; others are untried."
        if "length_min" in source
        else ""
    )
    synthetic = (
        " As its data are synthetic, it says nothing about real ones." if source.get("synthetic") else ""
    )
    return (
        "For sequences like those of its training data: same sensor, same features, same classes. It always names one of "
        "its classes, also for a sequence of none of them; its probabilities are not calibrated. The figures hold for data drawn "
        f"as the test part was, and say nothing of other people, devices or languages.{lengths}{synthetic}"
    )


def _versions(versions: Mapping[str, Any]) -> list[str]:
    if not versions:
        return []
    return ["## Made with", ", ".join(f"{name} {value}" for name, value in versions.items()) + "."]


def _percent(value: float | None) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{100 * value:.1f}"


def _mean(interval: Mapping[str, Any]) -> str:
    width = interval["half_width"]
    return _percent(interval["mean"]) + ("" if width is None else f" ±{_percent(width)}")


def _text(name: str) -> str:
    """Escape a name, so that it cannot end a table's cell or a line."""
    return " ".join(name.split()).replace("|", "\\|").replace("`", "'")
