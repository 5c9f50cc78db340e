"""What `model.json` says: all that is needed to use a model besides its weights."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.data.registry import format_named, transform_of

if TYPE_CHECKING:
    from seqsweep.seqmodels.data.formats.base import Options

FORMAT = "seqsweep model 1"
MOST_LAYERS, MOST_UNITS, MOST_FEATURES, MOST_CLASSES = 64, 16384, 1_000_000, 1_000_000


@dataclass(frozen=True)
class Description:
    """Describes a model, and where it comes from.

    Args:
        architecture: the network's.
        features: numbers in a row of the files, D.
        classes: names in the order of the logits.
        reading: of the files it takes, the `format`, one of `seqsweep.seqmodels.data.registry.FORMATS`, and its options.
        normalization: what is done to raw numbers, as in `seqsweep.seqmodels.data.transforms.base`.
        source: sweep, data set, trial, candidate, seed, ... as JSON-able values; for people.
        figures: how good it is, likewise.
        versions: of the packages that trained it.

    Raises:
        ValueError: a field is out of its range.
    """

    architecture: Architecture
    features: int
    classes: tuple[str, ...]
    reading: Mapping[str, Any]
    normalization: Mapping[str, Any]
    source: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = self.architecture
        for name, value, most in (
            ("layers", shape.layers, MOST_LAYERS),
            ("hidden", shape.hidden, MOST_UNITS),
            ("head_hidden", shape.head_hidden, MOST_UNITS),
            ("features", self.features, MOST_FEATURES),
        ):
            if value > most:
                raise ValueError(f"`{name}` is {value}, but must be at most {most}")
        if self.features < 1:
            raise ValueError(f"`features` is {self.features}, but must be at least 1")
        if not 2 <= len(self.classes) <= MOST_CLASSES or len(set(self.classes)) < len(self.classes):
            raise ValueError("`classes` must be at least 2 different names")
        self.options  # noqa: B018  # raises
        transform_of(self.normalization).check(self.normalization, self.features)
        if self.width > MOST_FEATURES:
            raise ValueError(
                f"`normalization` leads to {self.width} features, but at most {MOST_FEATURES} can be had"
            )

    @property
    def width(self) -> int:
        """Numbers in a row that the network sees."""
        return transform_of(self.normalization).width(self.features, self.normalization)

    @property
    def fills_missing(self) -> bool:
        """Whether missing values may be given."""
        return transform_of(self.normalization).fills_missing

    @property
    def format(self) -> str:
        """The name of the format of the files that it takes."""
        return str(_field(self.reading, "format", str))

    @property
    def options(self) -> Options:
        """The options by which such files are read. Raises ValueError where they are none of the format's."""
        options = {key: value for key, value in self.reading.items() if key != "format"}
        return format_named(self.format).options_type.model_validate_json(json.dumps(options))

    def to_table(self) -> dict[str, Any]:
        """Give JSON-able values that `from_table` reads."""
        options = {key: value for key, value in self.reading.items() if key != "format"}
        return {
            "format": FORMAT,
            "architecture": {**asdict(self.architecture), "readout": list(self.architecture.readout)},
            "input": {
                "format": self.format,
                **({"options": options} if options else {}),
                "features": self.features,
                **({"width": self.width} if self.width != self.features else {}),
                "normalization": dict(self.normalization),
            },
            "classes": list(self.classes),
            "source": dict(self.source),
            "figures": dict(self.figures),
            "versions": dict(self.versions),
        }

    @classmethod
    def from_table(cls, table: object) -> Description:
        """Raises ValueError that names the first field that is missing, of another kind, or out of its range."""
        whole = _object(table, "model.json")
        if any(map(_steers, _texts(whole))):
            raise ValueError(
                "a text holds a control character, which could steer the terminal that it is shown on"
            )
        if whole.get("format") != FORMAT:
            raise ValueError(f"`format` is {whole.get('format')!r}, but must be {FORMAT!r}")
        shape, given = (_object(_field(whole, name, dict), name) for name in ("architecture", "input"))
        found = cls(
            Architecture(
                cell=_field(shape, "cell", str),
                layers=_field(shape, "layers", int),
                hidden=_field(shape, "hidden", int),
                bidirectional=_field(shape, "bidirectional", bool),
                readout=_names(shape, "readout"),
                head_hidden=_field(shape, "head_hidden", int),
            ),
            features=_field(given, "features", int),
            classes=_names(whole, "classes"),
            reading={
                **_object(
                    given.get("options", {}), "options"
                ),  # a table of its own, so that no name is taken
                "format": _field(given, "format", str),
            },
            normalization=_object(_field(given, "normalization", dict), "normalization"),
            **{name: _field(whole, name, dict) for name in ("source", "figures", "versions")},
        )
        if given.get("width", found.features) != found.width:
            raise ValueError(
                f"`width` is {str(given['width'])[:40]!r}, but `normalization` leads to {found.width}"
            )
        return found


def _texts(value: object) -> Iterator[str]:
    """Go through every text in JSON's values, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        value = list(value.values())
    for part in value if isinstance(value, list) else ():
        yield from _texts(part)


def _steers(text: str) -> bool:
    return any(character < " " or "\x7f" <= character <= "\x9f" for character in text)


def _object(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"`{name}` must be an object")
    return value


def _field(table: Mapping[str, Any], name: str, kind: type) -> Any:
    if name not in table:
        raise ValueError(f"`{name}` is missing")
    value = table[name]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        words = {int: "a whole number", str: "text", bool: "true or false", dict: "an object", list: "a list"}
        raise ValueError(f"`{name}` is {str(value)[:40]!r}, but must be {words[kind]}")
    return value


def _names(table: Mapping[str, Any], name: str) -> tuple[str, ...]:
    values = _field(table, name, list)
    if not all(isinstance(each, str) and each for each in values):
        raise ValueError(f"`{name}` must be a list of texts that are not empty")
    return tuple(values)
