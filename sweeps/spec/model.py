"""The spec: a TOML file, read into checked values. Every problem is listed at once; nothing is executed.

name = "reference"
datasets = ["handwriting", {path = "data/letters", format = "strokes", classes = ["a", "b"]}]
seeds = 3                                  # 0, 1, 2; or a list
candidates = 8                             # left out: the full grid of the choices

[architecture]                             # each one value or a list; their cross product is trained
cell = ["gru", "lstm"]
layers = [1, 2]
hidden = 100

[hyperparameters]                          # each a constant or a distribution
lr = {log_uniform = [1e-3, 3e-2]}
dropout = {choice = [0, 0.2]}

[training]
epochs = 40
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    ValidationInfo,
    field_validator,
)

from seqsweep.seqmodels.backends.cuda.limits import MOST_HIDDEN
from seqsweep.seqmodels.hyperparameters import HYPERPARAMETER_RULES
from seqsweep.sweeps.errors import shown
from seqsweep.sweeps.spec import architectures as products
from seqsweep.sweeps.spec.axes import ArchitectureAxes
from seqsweep.sweeps.spec.complaints import Complaint
from seqsweep.sweeps.spec.constraint import Constraint, read_constraint
from seqsweep.sweeps.spec.dimension import RANGES
from seqsweep.sweeps.spec.drawing import counts
from seqsweep.sweeps.spec.fields import (
    LARGEST_SEED,
    MAX_LANES,
    Axis,
    Section,
    distinct,
    final_seeds_of,
    must,
    raise_all,
    says,
    seeds_of,
)
from seqsweep.sweeps.spec.search import Search
from seqsweep.sweeps.spec.space import Space
from seqsweep.sweeps.spec.space_table import read_space

if TYPE_CHECKING:
    from seqsweep.seqmodels.data.splits import SplitRule

_MOST_CONSTRAINTS = 100
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


def _final_seeds(value: Any, info: ValidationInfo) -> tuple[int, ...]:
    return final_seeds_of(value, info.data.get("seeds", ()))


def _source(value: Any, info: ValidationInfo) -> str | dict[str, Any]:
    """A data set as `data.source.load` takes it, its path absolute."""
    from seqsweep.seqmodels.data.source import check_source

    if not isinstance(value, str | dict):
        raise must("the name of an embedded data set, or a table with its path")
    source = dict(value) if isinstance(value, dict) else value
    complaints: list[Complaint] = []
    if isinstance(source, dict) and "path" in source:
        base = info.context["base"] if info.context else Path()
        source["path"] = _located(source["path"], base, ("path",), complaints)
    told = "`path` is" if complaints else "\0"  # not a second time
    complaints += [
        ((), source, f": {problem}") for problem in check_source(source) if not problem.startswith(told)
    ]
    raise_all("source", complaints)
    return source


def _located(path: Any, base: Path, loc: tuple[str, ...], complaints: list[Complaint]) -> Any:
    """`path` made absolute, or a table of two (train and test) or a list; what is neither is left for the registry."""
    if isinstance(path, dict):
        return {part: _located(each, base, (*loc, str(part)), complaints) for part, each in path.items()}
    if isinstance(path, list):
        return [_located(each, base, loc, complaints) for each in path]
    if not isinstance(path, str):
        return path
    try:
        return _path(path, base)
    except ValueError as error:
        complaints.append((loc, path, str(error)))
        return path


def _path(text: str, base: Path) -> str:
    """An absolute path or a URI; `$VAR` and `${VAR}` from the environment (`$$` is a dollar), `~` is the home folder."""
    import os

    from seqsweep.seqmodels.data.source import is_uri

    if not text or "\0" in text:
        raise ValueError(f"is {shown(text)}, but must be a path")
    try:
        expanded = Template(text).substitute(os.environ)
    except KeyError as error:
        raise ValueError(
            f"is {shown(text)}, but the environment variable {error.args[0]} is not set"
        ) from None
    except ValueError:
        raise ValueError(
            f"is {shown(text)}, but a dollar must start $NAME or ${{NAME}} ($$ is a dollar)"
        ) from None
    if is_uri(expanded):
        return _uri(expanded)
    try:
        path = Path(expanded).expanduser()
    except RuntimeError:
        raise ValueError(f"is {shown(text)}, but there is no such home folder") from None
    return os.path.abspath(base / path)


def _uri(text: str) -> str:
    """A URI of data as everybody writes it; the message does not repeat it, as it may hold a secret."""
    from seqsweep.results.errors import Invalid
    from seqsweep.results.location import check_location
    from seqsweep.seqmodels.data.source import uri_fault

    if fault := uri_fault(text):
        raise ValueError(fault)
    try:
        kind, path = check_location(text, "the data")
    except Invalid as error:
        raise ValueError(f"is a URI, but {error}") from None
    return f"{kind}://{path}"


class Training(Section):
    """`[training]`: how long and by which rules a lane is trained; see `seqsweep.seqmodels.training.TrainingConfig`."""

    epochs: int = Field(default=40, ge=1, le=1_000_000)
    min_change: float = Field(default=1e-4, ge=0)
    patience: int = Field(default=3, ge=1, le=1_000_000)
    validation_patience: int | None = Field(default=None, ge=1, le=1_000_000)
    keep: Literal["best", "last"] = "best"
    bptt: int | None = Field(default=None, ge=1, le=1_000_000_000)
    refit: bool = False
    precision: Literal["tf32", "float32"] = "tf32"
    class_weights: Literal["none", "balanced"] = "none"


def _test_share(value: Any) -> Any:
    share = isinstance(value, float) and 0 < value < 1
    if value != "given" and not share:
        raise must("a share between 0 and 1, or `given`, the test part that the data come with")
    return value


def _names(value: Any) -> Any:
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) and each for each in value):
        raise must("a list of texts that are not empty")
    return tuple(value)


Names = Annotated[tuple[str, ...], PlainValidator(_names), AfterValidator(distinct)]


class Split(Section):
    """`[split]`: which sequences are for test, and which of the others for choosing candidates.

    See `seqsweep.seqmodels.data.splits.SplitRule`.
    """

    test: Annotated[Any, PlainValidator(_test_share)] = "given"
    validation: float = Field(default=0.2, gt=0, lt=1)
    by: Literal["sequence", "group"] = "sequence"
    seed: int = Field(default=0, ge=0, le=LARGEST_SEED)
    test_groups: Names = ()
    validation_groups: Names = ()
    test_ids: Names = ()
    validation_ids: Names = ()

    def rule(self) -> SplitRule:
        """Give it as the data's package takes it."""
        from seqsweep.seqmodels.data.splits import SplitRule

        return SplitRule(**self.model_dump())


class Resources(Section):
    """`[resources]`: a trial's share of one node; `max_concurrent = 0` runs as many as fit.

    The worker of a trial that ended no epoch for `stall_seconds` is taken to hang, and replaced; 0 waits for ever.
    Where no worker comes for that long, and a minute at least, the sweep ends.
    """

    cpus_per_trial: int = Field(default=1, ge=1, le=4096)
    gpus_per_trial: float = Field(default=0.0, ge=0, le=64)
    max_concurrent: int = Field(default=0, ge=0, le=1_000_000)
    stall_seconds: float = Field(default=1800.0, ge=0, le=1e9)
    backend: Literal["auto", "cpu", "cuda", "torch"] = "auto"

    @field_validator("gpus_per_trial")
    @classmethod
    def _whole_above_one(cls, value: float) -> float:
        if value > 1 and value != int(value):
            raise must("a part of one GPU, or a whole number of them")
        return float(value)

    @field_validator("backend")
    @classmethod
    def _fits_the_gpus(cls, backend: str, info: ValidationInfo) -> str:
        if backend == "cpu" and info.data.get("gpus_per_trial"):
            raise must("auto, cuda or torch where `gpus_per_trial` is above 0")
        if backend == "cuda" and info.data.get("gpus_per_trial") == 0:
            raise must("auto, cpu or torch where `gpus_per_trial` is 0")
        return backend


def _as_tables(value: Any) -> Any:
    values = tuple(value) if isinstance(value, list | tuple) else (value,)
    if len(values) > MAX_LANES:  # before each is looked at
        raise says(f"has {len(values)} tables, but may have at most {MAX_LANES}")
    return values


def _constraints(value: Any) -> tuple[str, ...]:
    values = (value,) if isinstance(value, str) else value
    if not isinstance(values, list | tuple) or len(values) > _MOST_CONSTRAINTS:
        raise must(f'a list of at most {_MOST_CONSTRAINTS} comparisons, such as ["hidden * layers <= 512"]')
    wrong: list[Complaint] = []
    for index, text in enumerate(values):
        if not isinstance(text, str):
            wrong.append(((index,), text, f"is {shown(text)}, but must be a text"))
            continue
        try:
            read_constraint(text)
        except ValueError as error:
            wrong.append(((index,), text, str(error)))
    raise_all("constraints", wrong)
    return tuple(values)


def _hyperparameters(table: Any, info: ValidationInfo) -> Space:
    if not isinstance(table, dict):
        raise must("a table")
    tables = info.data.get("architecture")
    space, complaints = read_space(table, products.values_of(tables) if tables else None)
    raise_all("hyperparameters", complaints)
    return space


def _counts(info: ValidationInfo) -> tuple[float, float]:
    """Count the fewest and the most candidates of a trial."""
    rules: list[Constraint] = [read_constraint(text) for text in info.data.get("constraints", ())]
    tables = info.data.get("architecture", ())
    listed = tables and info.data.get("architectures") is None
    return counts(info.data["hyperparameters"], rules, list(products.points(tables, rules)) if listed else ())


class Spec(Section):
    """A whole spec, checked. Fields are named as in the file."""

    name: str = Field(pattern=_NAME)
    datasets: Axis[Annotated[Any, PlainValidator(_source)]]
    constraints: Annotated[tuple[str, ...], PlainValidator(_constraints), AfterValidator(distinct)] = ()
    architectures: int | None = Field(default=None, ge=1, le=MAX_LANES)
    architecture: Annotated[tuple[ArchitectureAxes, ...], BeforeValidator(_as_tables), Field(min_length=1)]
    hyperparameters: Annotated[Any, PlainValidator(_hyperparameters)] = Field(default_factory=dict)
    search: Search = Search()
    candidates: int | None = Field(default=None, ge=1, le=MAX_LANES, validate_default=True)
    search_seed: int = Field(default=0, ge=0, le=LARGEST_SEED)
    seeds: Annotated[tuple[int, ...], PlainValidator(seeds_of), AfterValidator(distinct)] = Field(
        (0, 1, 2), validate_default=True
    )
    final_seeds: Annotated[tuple[int, ...], PlainValidator(_final_seeds), AfterValidator(distinct)] = Field(
        5, validate_default=True
    )
    training: Training = Training()
    split: Split = Split()
    resources: Resources = Resources()

    @field_validator("architecture")
    @classmethod
    def _few_trials(
        cls, tables: tuple[ArchitectureAxes, ...], info: ValidationInfo
    ) -> tuple[ArchitectureAxes, ...]:
        both = products.overlapping(tables)
        if both:
            raise says(
                f"has an architecture that is in table {both[0] + 1} and in table {both[1] + 1}, but each may be in one"
            )
        size, wanted = products.size(tables), info.data.get("architectures")
        rules = [read_constraint(text) for text in info.data.get("constraints", ())]
        if size <= products.MOST_LISTED and any(rule.of_axes for rule in rules):
            size = sum(1 for _ in products.points(tables, rules))
            if not size:
                raise says("has no architecture that keeps `constraints`: change one or the other")
        if wanted is not None and wanted > size:
            raise says(f"has only {size} architectures, but `architectures` asks for {wanted} of them")
        trials = len(info.data.get("datasets", ())) * (wanted or size)
        if trials > MAX_LANES:
            more = "" if wanted else "; `architectures` says how many to sample"
            raise says(f"makes {trials} trials, but must make at most {MAX_LANES}{more}")
        return tables

    @field_validator("candidates")
    @classmethod
    def _as_many_as_there_are(cls, candidates: int | None, info: ValidationInfo) -> int | None:
        if "hyperparameters" not in info.data:
            return candidates
        space: Space = info.data["hyperparameters"]
        sampler = info.data["search"].sampler if "search" in info.data else ""
        if candidates is not None and sampler == "grid":
            raise says(f"is {candidates}, but the sampler `grid` tries every combination: leave it out")
        # whole numbers and steps are a grid where one is asked for
        ranges = [
            name
            for name, dimension in space.items()
            if dimension.kind in RANGES and (sampler != "grid" or math.isinf(dimension.size))
        ]
        if candidates is None and ranges:
            raise says(f"is missing, but must say how many to draw, as `{ranges[0]}` is a range")
        fewest, most = _counts(info)
        if candidates is None and most > MAX_LANES:
            raise says(
                f"is missing, but the full grid has more than {MAX_LANES} candidates: say how many to draw"
            )
        kept = " that keep `constraints`" if info.data.get("constraints") else ""
        if candidates is None and not fewest:
            raise says(f"is missing, but the full grid has no candidates{kept}: change one or the other")
        if candidates is not None and candidates > fewest:
            raise says(
                f"is {candidates}, but [hyperparameters] allows only {fewest:.0f} different candidates{kept}"
            )
        return candidates

    @field_validator("seeds")
    @classmethod
    def _few_lanes(cls, seeds: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        space = info.data.get("hyperparameters")
        if space is not None and "candidates" in info.data:
            lanes = int(info.data["candidates"] or _counts(info)[1]) * len(seeds)
            if lanes > MAX_LANES:
                raise says(f"and candidates make {lanes} lanes in a trial, but must make at most {MAX_LANES}")
        return seeds

    @field_validator("resources")
    @classmethod
    def _has_kernels(cls, resources: Resources, info: ValidationInfo) -> Resources:
        tables: tuple[ArchitectureAxes, ...] = info.data.get("architecture", ())
        widest = max((max(axes.hidden) for axes in tables), default=0)
        if resources.backend == "cuda" and widest > MOST_HIDDEN:
            raise says(
                f"asks for the backend `cuda`, which has kernels for `hidden` up to {MOST_HIDDEN}, but `hidden` is "
                f"{widest}: `auto` takes another for it"
            )
        return resources

    def to_table(self) -> dict[str, Any]:
        """The spec as JSON-able values; `parse_spec` reads it back to an equal spec, in any folder."""
        table: dict[str, Any] = {
            "name": self.name,
            "datasets": [_unresolved(source) for source in self.datasets],
            "seeds": list(self.seeds),
            "final_seeds": list(self.final_seeds),
            "search_seed": self.search_seed,
            "hyperparameters": {
                name: dimension.to_table() for name, dimension in self.hyperparameters.items()
            },
        }
        tables = [
            {
                name: ["+".join(value) if isinstance(value, tuple) else value for value in values]
                for name, values in axes
            }
            for axes in self.architecture
        ]
        table["architecture"] = tables[0] if len(tables) == 1 else tables
        if self.constraints:
            table["constraints"] = list(self.constraints)
        if self.architectures is not None:
            table["architectures"] = self.architectures
        for name in ("search", "training", "split", "resources"):
            section = getattr(self, name).model_dump(exclude_none=True)
            table[name] = {
                key: list(each) if isinstance(each, tuple) else each for key, each in section.items()
            }
        if self.candidates is not None:
            table["candidates"] = self.candidates
        return table


KEYS: dict[str, list[str]] = {
    "": list(Spec.model_fields),
    "architecture": list(ArchitectureAxes.model_fields),
    "hyperparameters": list(HYPERPARAMETER_RULES),
    "search": list(Search.model_fields),
    "training": list(Training.model_fields),
    "split": list(Split.model_fields),
    "resources": list(Resources.model_fields),
}
"""The known keys of each section; those of the top level under ""."""


def _unresolved(source: str | Mapping[str, Any]) -> str | dict[str, Any]:
    if isinstance(source, str):
        return source
    return {**source, "path": _escaped(source["path"])}


def _escaped(path: str | Mapping[str, str] | Sequence[str]) -> str | dict[str, str] | list[str]:
    if isinstance(path, str):
        return path.replace("$", "$$")
    if not isinstance(path, Mapping):
        return [each.replace("$", "$$") for each in path]
    return {part: each.replace("$", "$$") for part, each in path.items()}
