"""Writes docs/spec.md, every key of a spec, from the models that check it.

python docs/tools/spec_page.py

Types, defaults and rules come from the models; what a key means and an example stand below, a line each (of the
architecture's axes and of the search: in the model). A key without a line, a line without a key, and an example that
is refused are errors. A test compares the page with what this makes.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from seqsweep.seqmodels.architecture import READOUTS
from seqsweep.seqmodels.backends.cuda.limits import MOST_HIDDEN
from seqsweep.seqmodels.cells import CELLS
from seqsweep.seqmodels.data.registry import FORMATS, TRANSFORMS, format_names
from seqsweep.seqmodels.data.source import COMMON, EMBEDDED, MOST_PATHS
from seqsweep.seqmodels.data.transforms.pipeline import MOST_STEPS
from seqsweep.seqmodels.hyperparameters import HYPERPARAMETER_RULES, OPTIMIZERS, Hyperparameters
from seqsweep.sweeps.errors import SpecError
from seqsweep.sweeps.spec.axes import ArchitectureAxes
from seqsweep.sweeps.spec.fields import MAX_LANES
from seqsweep.sweeps.spec.loading import parse_spec
from seqsweep.sweeps.spec.model import Resources, Spec, Split, Training
from seqsweep.sweeps.spec.samplers.known import AT_ONCE, SAMPLERS
from seqsweep.sweeps.spec.search import Search
from seqsweep.sweeps.spec.space import USED_BY

PAGE = Path(__file__).parents[1] / "spec.md"
SECTIONS: Mapping[str, type[BaseModel]] = {
    "": Spec,
    "architecture": ArchitectureAxes,
    "search": Search,
    "training": Training,
    "split": Split,
    "resources": Resources,
}
SMALLEST = 'name = "mine"\ndatasets = ["syllables"]\n\n[architecture]\ncell = "gru"\n'

# by section and key: what it means, and an example
MEANINGS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "": {
        "name": ("what the sweep's id begins with", 'name = "strokes"'),
        "datasets": (
            "what is trained on, a data set or a list of them; see below",
            'datasets = ["syllables"]',
        ),
        "architecture": ("a section; see below", '[architecture]\ncell = "gru"'),
        "constraints": (
            "what a trial and a candidate must keep: comparisons of axes and hyperparameters, which are read and never run; an "
            "architecture that breaks one is left out, a draw that breaks one is drawn again; see below",
            'constraints = ["hidden * layers <= 512"]',
        ),
        "architectures": (
            "how many architectures are sampled from `[architecture]`, the same for every data set, its axes as evenly as can "
            "be; a larger number keeps the earlier ones",
            "architectures = 2\n[architecture]\nlayers = [1, 2]\nhidden = [32, 64, 128]",
        ),
        "hyperparameters": ("a section; see below", "[hyperparameters]\nlr = 1e-3"),
        "candidates": (
            "how many candidates are drawn from `[hyperparameters]` for each trial; left out: all combinations of the choices",
            "candidates = 2\n[hyperparameters]\nlr = {log_uniform = [1e-3, 1e-2]}",
        ),
        "search_seed": (
            "from which candidates are drawn: another number gives others, a larger `candidates` keeps the earlier ones",
            "search_seed = 1",
        ),
        "seeds": (
            "from how many seeds each candidate is trained, or a list of them; the ± of the verdict is over them",
            "seeds = 5",
        ),
        "final_seeds": (
            "from how many fresh seeds the chosen candidate is trained once more and then tested, or a list of them; 0: the "
            "models of the search are tested, whose seeds have chosen the candidate and flatter it",
            "final_seeds = 5",
        ),
        "search": ("a section; see below", '[search]\nmethod = "full"'),
        "training": ("a section; see below", "[training]\nepochs = 40"),
        "split": ("a section; see below", "[split]\ntest = 0.2"),
        "resources": ("a section; see below", "[resources]\ncpus_per_trial = 1"),
    },
    **{
        section: {
            key: (field.description or "", field.examples[0] if field.examples else "")
            for key, field in SECTIONS[section].model_fields.items()
        }
        for section in ("architecture", "search")
    },
    "hyperparameters": {
        "lr": ("learning rate, the peak of the schedule", "lr = {log_uniform = [1e-3, 1e-2]}"),
        "optimizer": ("as in `torch.optim`", 'optimizer = "adamw"'),
        "momentum": ("of sgd and rmsprop", "momentum = 0.9"),
        "nesterov": ("Nesterov's momentum in sgd; wants `momentum` above 0", "nesterov = true"),
        "beta1": ("decay of the first moment", "beta1 = 0.9"),
        "beta2": ("decay of the second moment", "beta2 = 0.99"),
        "alpha": ("decay of the squared gradients", "alpha = 0.9"),
        "eps": ("added to the denominator", "eps = 1e-7"),
        "weight_decay": ("L2 penalty; decoupled in adamw", "weight_decay = {choice = [0.0, 1e-4]}"),
        "clip_norm": ("largest norm of a model's gradient", "clip_norm = 1.0"),
        "schedule": (
            "of the learning rate, over `epochs`: `one_cycle` warms up over 30 % of the steps, then cools down to nearly 0",
            'schedule = "one_cycle"',
        ),
        "dropout": (
            "share that is dropped between layers and before the head",
            "dropout = {choice = [0.0, 0.2]}",
        ),
        "input_noise": (
            "standard deviation of noise on the normalised input while training",
            "input_noise = 0.3",
        ),
        "label_smoothing": ("share of the target that is spread over all classes", "label_smoothing = 0.1"),
    },
    "training": {
        "epochs": ("most epochs, and the length of the schedule", "epochs = 40"),
        "min_change": (
            "stop a model whose training error changes by less than this between epochs, `patience` times in a row; 0: never",
            "min_change = 0.0",
        ),
        "patience": ("see `min_change`", "patience = 5"),
        "validation_patience": (
            "stop a model after so many epochs without a better validation accuracy (the loss breaks ties)",
            "validation_patience = 8",
        ),
        "keep": (
            "which weights count: those of the epoch that is best on validation, or the last",
            'keep = "last"',
        ),
        "bptt": (
            "time steps through which gradients flow (truncated backpropagation through time); the state passes on "
            "all the same",
            "bptt = 50",
        ),
        "refit": (
            "train the chosen candidate again on train + validation, for as many epochs as its kept weights had seen, "
            "before test is read",
            "refit = true",
        ),
        "precision": (
            "of matrix products on a GPU: `tf32` keeps 10 bits of a factor's mantissa; cores always compute in float32",
            'precision = "float32"',
        ),
        "class_weights": (
            "of the training loss: `balanced` makes all classes count the same, each by n / (C x its sequences) of the n that "
            "are trained on; losses and accuracies of validation and test stay as they are",
            'class_weights = "balanced"',
        ),
    },
    "split": {
        "test": (
            "the test part: `given`, the one that the data come with, or a share of all sequences, drawn class by class "
            "whatever parts the data have",
            "test = 0.2",
        ),
        "validation": (
            "the share of the other sequences on which candidates are chosen, drawn class by class; where `test` is `given` "
            "and the data have a validation part of their own, that is taken",
            "validation = 0.25",
        ),
        "by": (
            "what is drawn: single sequences, or whole groups (writers, speakers), so that none is in two parts; the data must "
            "know their groups: see `group` above",
            'by = "group"',
        ),
        "seed": ("from which they are drawn", "seed = 1"),
        "test_groups": ("these groups are the test part", 'test_groups = ["theo"]'),
        "validation_groups": ("these groups are the validation part", 'validation_groups = ["lucas"]'),
        "test_ids": ("these sequences are the test part", 'test_ids = ["ka/07_3.txt"]'),
        "validation_ids": ("these sequences are the validation part", 'validation_ids = ["ka/08_3.txt"]'),
    },
    "resources": {
        "cpus_per_trial": ("cores of a trial, on one node", "cpus_per_trial = 2"),
        "gpus_per_trial": ("GPUs of a trial: a share of one, or whole ones", "gpus_per_trial = 0.5"),
        "max_concurrent": ("most trials at a time; 0: as many as fit", "max_concurrent = 4"),
        "stall_seconds": (
            "a trial that ends no epoch for so long is taken to hang, and its worker is replaced; where no worker comes for so "
            "long, and a minute at least, the sweep ends; 0: wait for ever",
            "stall_seconds = 7200",
        ),
        "backend": ("what computes; `auto` takes the best that the worker has", 'backend = "torch"'),
    },
}
DATASET: Mapping[str, tuple[str, str, str]] = {
    "path": (
        "a folder or an archive, also `s3://BUCKET/...` or `gs://BUCKET/...`; a list of them makes one tree; "
        'for ts also `{train = "...", test = "..."}`. Relative paths '
        "start at the spec's folder; `$VAR`, `${VAR}` and `~` are read, `$$` is a dollar",
        f"a text that is not empty, or a list of 1 to {MOST_PATHS} different ones",
        'path = "data/letters"',
    ),
    "format": (
        "how the files are read; left out: it is found by looking, and said; see [data.md](data.md)",
        f"one of {', '.join(format_names())}",
        'format = "mfcc"',
    ),
    "name": (
        "what it is called; left out: the path's last part without endings",
        "a text that is not empty",
        'name = "letters"',
    ),
    "classes": (
        "which classes, in this order; left out: all",
        "a list of at least 2 different texts",
        'classes = ["ka", "sa"]',
    ),
    "transforms": (
        "what is done to the numbers, one after the other, learnt from the training part; left out: what the format does",
        f"a list of at most {MOST_STEPS} of the transforms below, each a name, or a table of one name with its settings",
        'transforms = ["standardize"]',
    ),
}
# rules that stand in a function, not in a model
RULES: Mapping[tuple[str, str], tuple[str, str]] = {
    ("", "name"): ("text", "1 to 64 letters, digits, dots, dashes or underscores, a letter or digit first"),
    ("", "datasets"): (
        "names, tables",
        f"{', '.join(EMBEDDED)}, or a table with `path`; different ones",
    ),
    ("", "seeds"): (
        "whole number or list",
        f"1 to {MAX_LANES}, or a list of different numbers from 0 to 2^32 - 1",
    ),
    ("", "final_seeds"): (
        "whole number or list",
        f"0 to {MAX_LANES}, or a list of different numbers from 0 to 2^32 - 1, none of them in `seeds`",
    ),
    ("architecture", "cell"): ("text, or a list", f"of {', '.join(CELLS)}"),
    ("", "constraints"): ("text, or a list", "at most 100 different ones"),
    ("search", "sampler"): ("text", f"one of {', '.join(AT_ONCE)}"),
    ("architecture", "readout"): (
        "text, or a list",
        f"of {', '.join(READOUTS)}, or two of them joined: `last+max`",
    ),
    ("split", "test"): ("text or number", "`given`, or above 0, below 1"),
    **{
        ("split", f"{part}_{what}"): ("list of texts", "different ones")
        for part in ("test", "validation")
        for what in ("groups", "ids")
    },
    ("resources", "gpus_per_trial"): ("number", "0 to 64; above 1 a whole number"),
    ("resources", "backend"): (
        "text",
        f"one of auto, cpu, cuda, torch; not `cpu` with GPUs, not `cuda` without, and that wants `hidden` <= {MOST_HIDDEN}",
    ),
}
DRAWS: Mapping[str, str] = {
    "lr = 1e-3": "always this",
    "lr = {choice = [1e-3, 1e-2]}": "one of the list; without `candidates` all combinations of the choices are tried",
    "dropout = {uniform = [0.0, 0.5]}": "evenly between the two",
    "lr = {log_uniform = [1e-4, 1e-1]}": "evenly in the logarithm; both above 0",
    "clip_norm = {int = [1, 5]}": "one of the whole numbers, both ends included",
    "dropout = {uniform = [0.0, 0.5], step = 0.1}": "one of 0, 0.1, ..., 0.5; `int` may have a step too",
    "weight_decay = {log_uniform = [1e-5, 1e-3], step = 1e-5}": "likewise, each as often as the numbers from it to the next",
    "lr = {log_normal = [3e-3, 2], within = [1e-4, 1e-1]}": "most near the median; two thirds within a factor of 2 of it",
    "dropout = {normal = [0.2, 0.1], within = [0.0, 0.5]}": "most near the mean, with this standard deviation",
    'clip_norm = {choice = ["off", 1], weights = [1, 3]}': "the second three times as often",
    'dropout = {uniform = [0.1, 0.5], when = {optimizer = "adam"}}': "only where that is drawn; else it is left at its default",
    'input_noise = {uniform = [0.0, 0.5], when = {cell = ["gru"]}}': "only in trials of that cell",
}
SLIPS = (
    'name = "mine"\ndatasets = ["sylables"]\n[architecture]\ncell = "lsmt"\n',
    SMALLEST + "layers = 0\n[training]\nepochs = 1.5\n",
    SMALLEST + "[hyperparameters]\nlr = [1e-3, 1e-2]\n",
    SMALLEST + "[hyperparameters]\nlr = {log_uniform = [1e-3, 1e-2]}\n",
)


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """Make docs/spec.md. Raises KeyError for a key without a line, ValueError for a wrong example."""
    parts = [
        f"""# The spec: every key

<!-- written by docs/tools/spec_page.py: change it there, and run it -->

A spec is a TOML file. This is the smallest one; everything that it leaves out has its default:

```toml
{SMALLEST.strip()}
```

All of it is checked before anything starts, and every problem is listed at once, with the key, its value and the rule. An
unknown key is a problem. `examples/` holds specs with comments. At most {MAX_LANES:,} trials, and {MAX_LANES:,} lanes in a trial.

## At the top of the file

{_table(_rows(""))}

## A data set

The name of an embedded one ({", ".join(f"`{name}`" for name in EMBEDDED)}), or a table with `path`:

```toml
datasets = ["syllables", {{path = "data/letters", format = "strokes", classes = ["a", "b"]}}]
```

{_table(_dataset_rows())}

Each format has keys of its own; what is left out is found by looking, and said:

{_option_table()}

## Transforms

In a data set's table, `transforms = ["standardize"]` or `transforms = [{{resample = {{length = 40}}}}, "standardize"]`: they are
done in this order, each learns from what those before it make of the training part, and they are a part of the exported model.
`[]` leaves the numbers as they are. Columns are named as the files name them, or numbered from 1.

{_transform_table()}

## `[architecture]`

What changes the shapes of weights, and the batch size. Each key is a value or a list of different ones; every combination, on
every data set, is a trial. Several tables, `architecture = [{{cell = "gru", layers = 2}}, {{cell = "lstm", hidden = [64, 128]}}]`
at the top of the file or `[[architecture]]` more than once, are a product each.

{_table(_rows("architecture"))}

## `[hyperparameters]`

What leaves them alone. Each key is a constant or a distribution; a candidate is a draw of them all:

| written | drawn |
| --- | --- |
{_draws()}

A range needs `candidates`. What an optimizer does not read is left at its default, so candidates that would train alike count
once; a key that no optimizer of the spec reads is a problem. `when` names hyperparameters with a choice, or axes of
`[architecture]`, each with a value or a list of them: all must be met.

Constraints have names of axes and hyperparameters, numbers, texts, `true`, `false`, `off`; `+ - * / // %`; `< <= > >= == !=`
and `in [...]`; `and`, `or`, `not`. What cannot be computed (a division by 0, a number that is `off`) makes a comparison of sizes
false.

{_table(_hyperparameter_rows())}

## `[search]`

How candidates of a trial are drawn and tried, and by what one of them is chosen.

{_table(_rows("search"))}

Every sampler gives the same candidates again for the same `search_seed`, and a larger `candidates` keeps the earlier ones:

| sampler | draws |
| --- | --- |
{_samplers()}

## `[training]`

{_table(_rows("training"))}

## `[split]`

Which sequences are for test, and which of the others for choosing candidates. Test data are read once, for the chosen ones.

{_table(_rows("split"))}

## `[resources]`

A trial's share of one node; trials run side by side as they fit.

{_table(_rows("resources"))}

## What is said of a slip
"""
    ]
    for slip in SLIPS:
        parts.append(f"\n```toml\n{slip.strip()}\n```\n\n```text\n{_said(slip)}\n```\n")
    return "".join(parts)


def _table(rows: Iterator[tuple[str, ...]]) -> str:
    lines = [
        "| key | what it is | type | rule | default | example |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def _rows(section: str) -> Iterator[tuple[str, ...]]:
    """List of each key of a section its name, meaning, type, rule, default, example."""
    keys = SECTIONS[section].model_fields
    _same(keys, MEANINGS[section], section)
    for key, field in keys.items():
        meaning, example = MEANINGS[section][key]
        _check(example if not section else f"[{section}]\n{example}")
        if key in SECTIONS or key == "hyperparameters":
            yield f"`[{key}]`", meaning, "section", "", "required" if field.is_required() else "", ""
            continue
        kind, rule = RULES.get((section, key)) or _described(field)
        shown = example.split("\n")[0]
        yield f"`{key}`", meaning, kind, rule, _default(key, field), f"`{shown}`"


def _hyperparameter_rows() -> Iterator[tuple[str, ...]]:
    defaults = {each.name: each.default for each in fields(Hyperparameters)}
    _same(HYPERPARAMETER_RULES, MEANINGS["hyperparameters"], "hyperparameters")
    for key, rule in HYPERPARAMETER_RULES.items():
        meaning, example = MEANINGS["hyperparameters"][key]
        used = sorted(USED_BY.get(key, ()), key=OPTIMIZERS.index)
        others = [f'optimizer = "{used[0]}"'] if used else []
        others += ["momentum = 0.9"] if key == "nesterov" else []
        _check("\n".join(["candidates = 1", "[hyperparameters]", *others, example]))
        if used:
            meaning += f"; read by {', '.join(used)}"
        kind = {float: "number", bool: "true or false", str: "text"}[rule.kind]
        words = rule.words + (', or "off"' if rule.optional else "")
        yield (
            f"`{key}`",
            meaning,
            kind,
            words,
            _toml("off" if defaults[key] is None else defaults[key]),
            f"`{example}`",
        )


def _dataset_rows() -> Iterator[tuple[str, ...]]:
    _same(COMMON, DATASET, "a data set")
    for key, (meaning, rule, example) in DATASET.items():
        lines = [DATASET["path"][2]] * (key != "path")
        _check(f"datasets = [{{{', '.join([*lines, example])}}}]")
        kind = {
            "path": "text, list or table",
            "classes": "list of texts",
            "transforms": "list of texts or tables",
        }.get(key, "text")
        yield f"`{key}`", meaning, kind, rule, "required" if key == "path" else "", f"`{example}`"


def _option_table() -> str:
    lines = ["| format | key | what it is | example |", "| --- | --- | --- | --- |"]
    for form in FORMATS:
        for key, field in form.options_type.model_fields.items():
            [example, *_] = field.examples or [""]
            _check(f'datasets = [{{path = "x", format = "{form.name}", {example}}}]')
            lines.append(
                f"| `{form.name}` | `{key}` | {field.description} | `{example}` |".replace("\n", " ")
            )
    return "\n".join(lines)


def _transform_table() -> str:
    lines = [
        "| transform | what it does | setting | what it is | example |",
        "| --- | --- | --- | --- | --- |",
    ]
    for transform in TRANSFORMS:
        fields = transform.settings_type.model_fields
        needed = [(field.examples or [""])[0] for field in fields.values() if field.is_required()]
        if not fields:
            _check(_asking(transform.name, []))
        lines.append(f"| `{transform.name}` | {transform.words} | | | |")
        for key, field in fields.items():
            for example in field.examples or [""]:
                _check(
                    _asking(
                        transform.name,
                        [*(each for each in needed if not each.startswith(f"{key} ")), example],
                    )
                )
            [example, *_] = field.examples or [""]
            lines.append(f"| | | `{key}` | {field.description} | `{example}` |".replace("\n", " "))
    return "\n".join(lines)


def _asking(name: str, settings: list[str]) -> str:
    return f'datasets = [{{path = "x", transforms = [{{{name} = {{{", ".join(settings)}}}}}]}}]'


def _draws() -> str:
    for written in DRAWS:
        _check(f"candidates = 1\n[hyperparameters]\n{written}")
    return "\n".join(f"| `{written.splitlines()[0]}` | {drawn} |" for written, drawn in DRAWS.items())


def _samplers() -> str:
    return "\n".join(
        f"| `{sampler.name}` | {sampler.words}"
        f"{'' if sampler.grows or sampler.finite else '; another hyperparameter changes the draws of all'} |"
        for sampler in (SAMPLERS[name] for name in AT_ONCE)
    )


def _same(keys: Any, lines: Any, section: str) -> None:
    if set(keys) != set(lines):
        raise KeyError(
            f"{section or 'the top'}: a key without a line, or a line without a key: {set(keys) ^ set(lines)}"
        )


def _check(example: str) -> None:
    """Raise ValueError where a spec with this example is refused."""
    table: dict[str, Any] = {**tomllib.loads(SMALLEST)}
    for key, value in tomllib.loads(example).items():
        table[key] = {**table.get(key, {}), **value} if isinstance(value, dict) else value
    parse_spec(table, base=Path(), source="an example")


def _said(text: str) -> str:
    try:
        parse_spec(tomllib.loads(text), base=Path(), source="mine.toml")
    except SpecError as error:
        return "\n".join(f"error: {line}" for line in str(error).split("\n"))
    raise ValueError(f"is no slip: {text}")


def _described(field: FieldInfo) -> tuple[str, str]:
    """A field's type and rule in words."""
    kind, limits = field.annotation, list(field.metadata)
    many = get_origin(kind) is tuple
    if many:
        kind = get_args(kind)[0]
    if get_origin(kind) is Annotated:
        kind, *extra = get_args(kind)
        limits = [limit for each in extra for limit in getattr(each, "metadata", [each])]
    optional = False
    if get_origin(kind) in (Union, UnionType):
        optional = NoneType in get_args(kind)
        (kind,) = (each for each in get_args(kind) if each is not NoneType)
    if get_origin(kind) is Literal:
        return "text", f"one of {', '.join(get_args(kind))}"
    assert isinstance(kind, type)
    words = {int: "whole number", float: "number", bool: "true or false", str: "text"}[kind]
    rule = _range(limits)
    assert rule or kind is bool
    assert not optional or field.default is None
    return words + (", or a list" if many else ""), rule


def _range(limits: list[Any]) -> str:
    """`1 to 64`, `at least 0`, ... of a field's limits."""
    found = {
        name: getattr(limit, name)
        for limit in limits
        for name in ("ge", "gt", "le", "lt")
        if hasattr(limit, name)
    }
    if {"ge", "le"} <= found.keys():
        return f"{_number(found['ge'])} to {_number(found['le'])}"
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    return ", ".join(f"{words[name]} {_number(value)}" for name, value in found.items())


def _number(value: float) -> str:
    if value == 2**32 - 1:
        return "2^32 - 1"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _default(key: str, field: FieldInfo) -> str:
    """Write a value as a spec would."""
    if field.is_required():
        return "required"
    value = field.default
    if value is None:
        return {"candidates": "all combinations", "architectures": "all"}.get(key, "off: leave it out")
    if value == ():
        return "none"
    if key == "seeds":
        return f"`{len(value)}`"
    if isinstance(value, tuple):
        (value,) = value
    return _toml("+".join(value) if isinstance(value, tuple) else value)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value:g}`"


if __name__ == "__main__":
    main()
