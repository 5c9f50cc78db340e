"""Arrays: `X` and `y` in an `.npz` file or in `.npy` files; padded, or flat with lengths or offsets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from seqsweep.seqmodels.data.collection import TEST, TRAIN, VALIDATION, Collection, Values, merged
from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import Files
from seqsweep.seqmodels.data.formats.base import Format, Options, RawSequence
from seqsweep.seqmodels.data.formats.npy_reading import Array, read_arrays
from seqsweep.seqmodels.data.formats.per_file import PART_NAMES
from seqsweep.seqmodels.data.transforms.standardize import STANDARDIZE

NAMES = {
    "values": (
        "x",
        "data",
        "values",
        "sequences",
        "features",
        "inputs",
        "input",
        "samples",
        "signals",
        "series",
        "tokens",
    ),
    "label": ("y", "label", "labels", "target", "targets", "class", "classes", "category"),
    "lengths": (
        "lengths",
        "length",
        "lens",
        "len",
        "seq_len",
        "seq_lens",
        "seq_lengths",
        "sequence_lengths",
        "n_steps",
    ),
    "offsets": ("offsets", "offset", "starts", "start", "indptr", "boundaries"),
    "group": (
        "groups",
        "group",
        "subject",
        "subjects",
        "speaker",
        "speakers",
        "writer",
        "writers",
        "user",
        "users",
    ),
    "id": ("ids", "id", "names", "name", "keys"),
}
PARTED = re.compile(
    rf"(?:(.*?)[_\-. ]?({'|'.join(PART_NAMES)})|({'|'.join(PART_NAMES)})[_\-. ]?(.*))", re.IGNORECASE
)
ORDER = {None: 0, TRAIN: 1, VALIDATION: 2, TEST: 3}
Part = str | None


class NpzOptions(Options):
    """Which array is what; names are without their part (`X` for `X_train`)."""

    values: str | None = Field(None, description="the array of the numbers", examples=['values = "X"'])
    label: str | None = Field(
        None, description="the array of classes, one for each sequence, or one-hot", examples=['label = "y"']
    )
    lengths: str | None = Field(
        None, description="the array of each sequence's length", examples=['lengths = "lengths"']
    )
    offsets: str | None = Field(
        None,
        description="the array of where each sequence begins in a flat array, with or without the end",
        examples=['offsets = "offsets"'],
    )
    group: str | None = Field(
        None, description="the array of speakers, writers or persons", examples=['group = "subject"']
    )
    id: str | None = Field(None, description="the array of ids", examples=['id = "ids"'])
    axes: Literal["std", "sdt", "st", "nd"] | None = Field(
        None,
        description="what the axes of the numbers are: sequence, time, feature (`std`); sequence, feature, time (`sdt`); "
        "sequence, time (`st`); or flat: all time steps, feature (`nd`)",
        examples=['axes = "sdt"'],
    )
    padding: Literal["nan", "zero"] | None = Field(
        None,
        description="what stands behind the ends of shorter sequences where no lengths are given",
        examples=['padding = "zero"'],
    )


class Npz(Format):
    """Arrays of all sequences; each feature is standardised by all training steps."""

    name = "npz"
    endings: ClassVar[tuple[str, ...]] = (".npz", ".npy")
    row = "the features of a time step, as a row of an array"
    transforms = (STANDARDIZE,)
    options_type = NpzOptions

    def recognise(self, files: Files) -> str | None:
        """Look for `.npz` files, or for `.npy` files that are called as numbers and labels are."""
        packed = files.having((".npz",))
        if packed and (len(packed) == 1 or all(_parted(_stem(each))[1] for each in packed)):
            return f"arrays in {packed[0]}"
        bases = {_parted(_stem(each))[0].lower(): each for each in files.having((".npy",))}
        numbers = [each for base, each in bases.items() if base in NAMES["values"]]
        labels = [each for base, each in bases.items() if base in NAMES["label"]]
        return f"arrays: numbers in {numbers[0]}, labels in {labels[0]}" if numbers and labels else None

    def complete(self, files: Files, options: Options) -> tuple[Options, tuple[str, ...]]:
        """Find out which array is what by their names, and which axis is what by their shapes."""
        assert isinstance(options, NpzOptions)
        chosen = self._files(files)
        where = _place(files, chosen)
        arrays = _arrays(files, chosen)
        part = min(arrays, key=lambda each: ORDER[each])
        found, guessed = arrays[part], {}
        problems = [
            Problem(where, f"has no array `{name}`, which `{role}` names: it has {_shown(found)}")
            for role in NAMES
            if (name := getattr(options, role)) is not None and name not in found
        ]
        if problems:
            raise DataError(problems)
        lower = {name.lower(): name for name in found}
        for role, names in NAMES.items():
            if getattr(options, role) is None and (there := [lower[name] for name in names if name in lower]):
                guessed[role] = there[0]
        for role, what in (("values", "the numbers"), ("label", "the classes")):
            if getattr(options, role) is None and role not in guessed:
                rule = f"does not show which array has {what}: say it by `{role}`; it has {_shown(found)}"
                raise DataError([Problem(where, rule)])
        complete = options.model_copy(update=guessed)
        if complete.axes is None:
            guessed["axes"] = _axes(found, complete, where)
        notes = [f"no `{role}` is given: it is `{value}`" for role, value in guessed.items()]
        complete = options.model_copy(update=guessed)
        if complete.padding is None and complete.lengths is None and complete.axes != "nd":
            complete = complete.model_copy(update={"padding": "nan"})
        unused = [name for name in found if name not in complete.model_dump().values()]
        notes += [f"arrays that are passed over: {', '.join(unused)}"] if unused else []
        return complete, tuple(notes)

    def gather(self, files: Files, options: Options, classes: Sequence[str] | None = None) -> Collection:
        """Cut the arrays of each part into sequences, which are views."""
        assert isinstance(options, NpzOptions)
        chosen = self._files(files)
        where = _place(files, chosen)
        arrays = _arrays(files, chosen)
        found = [
            _collected(arrays[part], options, part, where)
            for part in sorted(arrays, key=lambda each: ORDER[each])
        ]
        return merged(found)

    def parse(self, files: Files, inner: str, options: Options) -> Iterator[RawSequence]:
        """Read the sequences of a file: of `.npz` by the names of its arrays, of `.npy` the one that it is."""
        assert isinstance(options, NpzOptions)
        where = files.where(inner)
        arrays = read_arrays(files, inner)
        by_part = (
            _by_part(arrays)
            if len(arrays) > 1
            else {None: {options.values or "": next(iter(arrays.values()))}}
        )
        for part, found in by_part.items():
            if options.values not in found:
                rule = f"has no array `{options.values}`, which the model reads: it has {_shown(found)}"
                raise DataError([Problem(where, rule)])
            known = options.model_copy(
                update={
                    role: None for role in ("lengths", "offsets", "id") if getattr(options, role) not in found
                }
            )
            for number, values in enumerate(_sequences(found, known, where), 1):
                name = ":".join(filter(None, (where, part, str(number))))
                yield RawSequence(name, name, np.asarray(values, np.float64))

    def _files(self, files: Files) -> list[str]:
        found = (
            list(files.contents)
            if len(files.contents) == 1
            else files.having((".npz",)) or files.having((".npy",))
        )
        if not found:
            raise DataError(
                [Problem(files.root, "holds no files that end in .npz or .npy, as the format npz has")]
            )
        return found


NPZ = Npz()


def _place(files: Files, chosen: Sequence[str]) -> str:
    return files.where(chosen[0]) if len(chosen) == 1 else files.root


def _arrays(files: Files, chosen: Sequence[str]) -> dict[Part, dict[str, Array]]:
    """Read all arrays, by part and name. Raises DataError where two are called alike."""
    found: dict[Part, dict[str, Array]] = {}
    problems: list[Problem] = []
    for inner in chosen:
        try:
            arrays = read_arrays(files, inner)
        except DataError as error:
            problems += error.problems
            continue
        of_file = _parted(_stem(inner))[1] if inner.lower().endswith(".npz") and len(chosen) > 1 else None
        for part, some in _by_part(arrays).items():
            there = found.setdefault(part or of_file, {})
            for name, array in some.items():
                if name in there:
                    problems.append(
                        Problem(files.where(inner), f"has an array `{name}`, as another file has")
                    )
                there[name] = array
    if problems:
        raise DataError(problems)
    shared = found.pop(None, {}) if len(found) > 1 else {}
    for arrays in found.values():  # such as names of classes
        arrays.update({name: array for name, array in shared.items() if name not in arrays})
    return found


def _by_part(arrays: Mapping[str, Array]) -> dict[Part, dict[str, Array]]:
    found: dict[Part, dict[str, Array]] = {}
    for name, array in arrays.items():
        base, part = _parted(name)
        found.setdefault(part, {})[base if part else name] = array
    return found


def _parted(name: str) -> tuple[str, Part]:
    """Take the part off a name: (`X`, train) of `X_train`, `train_X` and `Xtrain`."""
    match = PARTED.fullmatch(name)
    if match is None:
        return name, None
    return match[1] or match[4] or "", PART_NAMES[(match[2] or match[3]).lower()]


def _axes(arrays: Mapping[str, Array], options: NpzOptions, where: str) -> str:
    values, labels = arrays[options.values or ""], arrays[options.label or ""]
    if values.ndim == 2:
        flat = options.offsets is not None or (options.lengths is not None and len(values) != len(labels))
        return "nd" if flat else "st"
    if values.ndim == 1 and (options.offsets is not None or options.lengths is not None):
        return "nd"
    if values.ndim != 3:
        rule = f"`{options.values}` has {values.ndim} axes, but must have 3 (sequence, time, feature), or 2 where it is flat"
        raise DataError([Problem(where, rule)])
    _, one, other = values.shape
    if options.lengths is not None:
        longest = int(arrays[options.lengths].max(initial=0))
        return "sdt" if one < longest <= other or longest == other != one else "std"
    return "sdt" if other > 4 * one else "std"  # there are more steps than features


def _collected(arrays: Mapping[str, Array], options: NpzOptions, part: Part, where: str) -> Collection:
    place = where if part is None else f"{where} ({part})"
    for role in ("values", "label"):
        if getattr(options, role) not in arrays:
            rule = f"has no array `{getattr(options, role)}`, which `{role}` names: it has {_shown(arrays)}"
            raise DataError([Problem(place, rule)])
    sequences = _sequences(arrays, options, place)
    labels = _texts(arrays[options.label or ""], options.label or "", len(sequences), place, one_hot=True)
    known = {
        role: _texts(arrays[name], name, len(sequences), place)
        for role in ("group", "id")
        if (name := getattr(options, role)) is not None and name in arrays
    }
    numbers = [str(number) for number in range(1, len(sequences) + 1)]
    ids = known.get("id", numbers)
    notes = []
    if options.padding == "nan" and (zeros := sum(not each[-1].any() for each in sequences if len(each))):
        notes.append(
            f'{zeros:,} of {len(sequences):,} sequences end in zeros: are they padded? then say `padding = "zero"`, or '
            "give `lengths`"
        )
    return Collection(
        sequences,
        labels,
        [f"{part}/{each}" for each in ids] if part else ids,
        [f"{where}:{'' if part is None else part + ' '}{each}" for each in numbers],
        [part] * len(sequences),
        known.get("group"),
        notes=tuple(notes),
    )


def _sequences(arrays: Mapping[str, Array], options: NpzOptions, where: str) -> list[Values]:
    """Cut an array into views. Raises DataError."""
    values = arrays[options.values or ""]
    if values.dtype.kind not in "fiub":
        raise DataError([Problem(where, f"`{options.values}` has texts, but must have numbers")])
    axes = {"nd": (1, 2), "st": (2,)}.get(options.axes or "", (2, 3))
    if values.ndim not in axes:
        rule = f'`{options.values}` has {values.ndim} axes, which is not what `axes = "{options.axes}"` says'
        raise DataError([Problem(where, rule)])
    if options.axes == "nd":
        flat = values.reshape(len(values), -1) if values.ndim == 1 else values
        return [flat[begin:end] for begin, end in _spans(arrays, options, len(flat), where)]
    if options.axes == "st":
        values = values[:, :, None]
    elif values.ndim == 2:  # one sequence
        values = values[None]
    if options.axes == "sdt":
        values = values.transpose(0, 2, 1)
    if options.lengths is not None:
        lengths = _counts(arrays[options.lengths], options.lengths, where)
        if len(lengths) != len(values) or (len(lengths) and int(lengths.max()) > values.shape[1]):
            rule = f"`{options.lengths}` has {len(lengths)} lengths, the longest {lengths.max(initial=0)}"
            raise DataError(
                [Problem(where, f"{rule}, but `{options.values}` is {len(values)} x {values.shape[1]} steps")]
            )
        return [each[:length] for each, length in zip(values, lengths.tolist(), strict=True)]
    return [each[: _end(each, options.padding)] for each in values]


def _end(values: Values, padding: str | None) -> int:
    """Give the length of a sequence without its padding."""
    if not padding or (padding == "nan" and values.dtype.kind != "f"):
        return len(values)
    empty = values == 0 if padding == "zero" else np.isnan(values)
    filled = np.flatnonzero(~empty.all(axis=1))
    return int(filled[-1]) + 1 if len(filled) else 0


def _spans(arrays: Mapping[str, Array], options: NpzOptions, count: int, where: str) -> list[tuple[int, int]]:
    if options.offsets is not None:
        start = _counts(arrays[options.offsets], options.offsets, where)
        if options.lengths is None:
            ends = start[1:] if len(start) and start[-1] == count else np.append(start[1:], count)
            start = start[: len(ends)]
        else:
            ends = start + _counts(arrays[options.lengths], options.lengths, where)
        name = options.offsets
    elif options.lengths is not None:
        lengths = _counts(arrays[options.lengths], options.lengths, where)
        ends = np.cumsum(lengths)
        start, name = ends - lengths, options.lengths
        if len(ends) and int(ends[-1]) != count:
            rule = f"`{name}` comes to {int(ends[-1]):,} steps, but `{options.values}` has {count:,}"
            raise DataError([Problem(where, rule)])
    else:
        return [(0, count)]
    if len(start) != len(ends) or (start > ends).any() or (ends > count).any():
        raise DataError(
            [
                Problem(
                    where, f"`{name}` does not cut the {count:,} steps of `{options.values}` into sequences"
                )
            ]
        )
    return list(zip(start.tolist(), ends.tolist(), strict=True))


def _counts(array: Array, name: str, where: str) -> npt.NDArray[np.int64]:
    flat = array.reshape(-1)
    whole = flat.dtype.kind in "iu" or (flat.dtype.kind == "f" and bool((flat == np.floor(flat)).all()))
    if not whole or (len(flat) and not 0 <= flat.min() <= flat.max() < 2**62):
        raise DataError([Problem(where, f"`{name}` must have whole numbers, 0 or more")])
    return flat.astype(np.int64)


def _texts(array: Array, name: str, count: int, where: str, *, one_hot: bool = False) -> list[str]:
    if one_hot and array.ndim == 2 and array.shape[1] > 1:
        if array.dtype.kind not in "fiub" or not ((array != 0).sum(axis=1) == 1).all():
            raise DataError(
                [Problem(where, f"`{name}` is {array.shape[0]} x {array.shape[1]}, but is not one-hot")]
            )
        array = array.argmax(axis=1)
    flat = array.reshape(-1)
    if len(flat) != count:
        raise DataError(
            [Problem(where, f"`{name}` has {len(flat):,} values, but there are {count:,} sequences")]
        )
    found: list[Any] = flat.tolist()
    if flat.dtype.kind == "S":
        found = [each.decode("utf-8", "backslashreplace") for each in found]
    elif flat.dtype.kind == "f":
        found = [int(each) if each.is_integer() else each for each in found]
    return [str(each) for each in found]


def _shown(names: Mapping[str, Array]) -> str:
    shown = [f"`{name}` {'x'.join(map(str, array.shape))}" for name, array in list(names.items())[:10]]
    return ", ".join([*shown, *(["..."] if len(names) > 10 else [])])


def _stem(inner: str) -> str:
    return re.sub(r"\.np[yz](\.(gz|xz|bz2))?$", "", inner.rpartition("/")[2], flags=re.IGNORECASE)
