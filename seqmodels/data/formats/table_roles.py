"""What a table's columns are, where the spec does not say: guessed by name, else by content, and said."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches

import numpy as np

from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.formats import columns as of
from seqsweep.seqmodels.data.formats.dialect import is_missing, is_number
from seqsweep.seqmodels.data.formats.joined import Joined
from seqsweep.seqmodels.data.formats.long_table import is_order
from seqsweep.seqmodels.data.formats.table_options import FILE, TableOptions

ROLES = b"seqsweep.roles"
"""The key of a schema's metadata under which our own files say what their columns are, a JSON object."""
LOOKED_AT = 200_000  # rows by which columns are told apart
MOST_CLASSES = 1000
WIDE = 8  # columns of numbers in which a row may be a sequence


def complete_roles(joined: Joined, options: TableOptions, where: str) -> tuple[TableOptions, tuple[str, ...]]:
    """Fill in what the options leave open, with a note for each guess. Raises DataError where it cannot be told."""
    options = _written(joined, options)
    _check_names(joined, options, where)
    found = _Roles(joined, options, where)
    found.find()
    complete = TableOptions.model_validate({**options.model_dump(), **found.guessed})
    notes = tuple(f"no `{role}` is given: it is {_said(value)}" for role, value in found.guessed.items())
    if found.unordered:
        notes += (
            f"rows are kept in the files' order: `{found.unordered}` falls and repeats within sequences",
        )
    passed = found.passed_over(complete)
    if passed and "features" in found.guessed:
        notes += (f"columns that are passed over: {', '.join(passed)}",)
    return complete, notes


def nearly_numbers(joined: Joined, name: str) -> list[Problem]:
    """Name the first word of a column of texts that are numbers but for a few: it is a mistake, and no name."""
    if str(joined.table.schema.field(name).type) not in ("string", "large_string"):
        return []
    texts = joined.texts(name)
    good = np.array(
        [is_number(each) or is_number(each, ",") or is_missing(each) for each in texts.names], np.bool_
    )
    if 2 * good.sum() <= len(good):
        return []
    bad = ~np.append(good, True)[texts.code]
    row = int(np.flatnonzero(bad)[0])
    rule = (
        f"has `{texts.names[texts.code[row]]}` in `{name}`, in which all but {int(bad.sum()):,} of {len(bad):,} are numbers: "
        "correct it, or leave the column out by `features`"
    )
    return [Problem(joined.place(row), rule)]


def _written(joined: Joined, options: TableOptions) -> TableOptions:
    """Take what the file itself says of its columns."""
    try:
        said = json.loads((joined.table.schema.metadata or {}).get(ROLES, b"{}"))
        open_ = {role: value for role, value in said.items() if getattr(options, role, "") is None}
        return TableOptions.model_validate({**options.model_dump(), **open_})
    except (ValueError, RecursionError, AttributeError):
        return options


class _Roles:
    """The roles of one table's columns, found one after the other: each column has one."""

    def __init__(self, joined: Joined, options: TableOptions, where: str) -> None:
        self.joined = joined
        self.table = joined.table
        self.options = options
        self.where = where
        self.guessed: dict[str, str | list[str]] = {}
        self.unordered: str | list[str] | None = None
        counting = [of.row_numbers(each.table) for each in joined.files]  # each file counts its own
        self.index = [name for name in counting[0] if all(name in each for each in counting)]
        self.names = joined.table.column_names
        self.lists = [name for name in self.names if of.list_depth(self.table.schema.field(name).type) > 0]

    def role(self, name: str) -> str | None:
        """Give the column of a role, given or guessed."""
        found = self.guessed.get(name, getattr(self.options, name))
        return found if isinstance(found, str) else None

    def taken(self) -> list[str]:
        """Name the columns that have a role."""
        given = [self.options.model_dump().get(role) for role in ("label", "time", "group", "split")]
        keys = self.guessed.get("sequence", self.options.sequence) or []
        found = [
            *given,
            *self.guessed.values(),
            *([keys] if isinstance(keys, str) else keys),
            *(self.options.features or []),
        ]
        flat = [each for one in found if one for each in ([one] if isinstance(one, str) else one)]
        return [*dict.fromkeys((*flat, *self.index, *([str(self.unordered)] if self.unordered else [])))]

    def find(self) -> None:
        """Find all roles, those that are plain first."""
        if not any(of.list_depth(field.type) in (0, 1, 2) for field in self.table.schema):
            raise DataError([Problem(self.where, f"has no columns of numbers: {_listed(self.names)}")])
        chosen = self.options.features or []
        is_nested = any(name in self.lists for name in chosen) or bool(self.lists and not chosen)
        self._by_name("split", of.SPLIT, lambda name: of.is_split(self.table.column(name)))
        if not is_nested and self.options.time is None and (time := of.time_column(self.table, self.taken())):
            self.guessed["time"] = time
        self._by_name("label", of.LABEL, self._may_be_label)
        if is_nested:
            self._find_nested()
        else:
            self._find_long()
        if self.options.features is None:
            if problems := [each for name in self._free() for each in nearly_numbers(self.joined, name)]:
                raise DataError(problems)
            self._find_features(is_nested)

    def _by_name(self, role: str, pattern: re.Pattern[str], fits: Callable[[str], bool]) -> None:
        if getattr(self.options, role) is not None:
            return
        for name in self.names:
            may_be_both = role == "label" and self.options.sequence is not None and name in self.options.keys
            is_free = (may_be_both or name not in self.taken()) and of.may_name(
                self.table.schema.field(name).type
            )
            if is_free and pattern.fullmatch(name.strip()) and fits(name):
                self.guessed[role] = name
                return

    def _may_be_label(self, name: str) -> bool:
        texts = of.texts_of(self.table.column(name).slice(0, LOOKED_AT))
        whole = all(
            re.fullmatch(r"-?\d+", each) or not re.fullmatch(r"[-+.\deE]+", each) for each in texts.names
        )
        return 1 <= len(texts.names) <= min(MOST_CLASSES, max(2, self.table.num_rows // 2)) and whole

    def _find_nested(self) -> None:
        if self.role("label") is None:
            marked = [name for name in self.joined.labels if name in self.names and name not in self.taken()]
            others = [
                name
                for name, _ in of.candidates(self.table.slice(0, LOOKED_AT), [*self.taken(), *self.lists])
            ]
            if len(marked) == 1 or (not marked and len(others) == 1):
                self.guessed["label"] = (marked or others)[0]
        if self.role("label") is None:
            raise self._unknown("label", "the class of each sequence")
        if self.options.sequence is None:
            self._by_name("sequence", of.SEQUENCE, self._is_unique)
        self._by_name("group", of.GROUP, self._comes_again)

    def _is_unique(self, name: str) -> bool:
        found = self.joined.texts(name)
        return len(found.names) == len(found.code)

    def _comes_again(self, name: str) -> bool:
        return any(name == each for each, _ in of.candidates(self.table.select([name]), []))

    def _find_long(self) -> None:
        sample = self.table.slice(0, LOOKED_AT)
        if self.options.sequence is None:
            self._by_name("sequence", of.SEQUENCE, self._comes_again)
        self._by_name("group", of.GROUP, self._comes_again)
        keys = self.guessed.get("sequence", self.options.sequence)
        label = self.role("label")
        if keys is None or label is None:
            pairs = of.structural(sample, [name for name in self.taken() if name != label])
            pairs = [(one, other) for one, other in pairs if label in (None, other)]
            pairs = [(one, other) for one, other in pairs if keys in (None, one)]
            if label is None and len({other for _, other in pairs}) == 1:
                label = self.guessed["label"] = pairs[0][1]
            if keys is None and label is not None and pairs:
                keys = self.guessed["sequence"] = self._finest([one for one, _ in pairs])
        if label is None:
            raise self._unknown("label", "the class of each sequence")
        if keys is None:
            if not self._free_numbers() and self.options.features is None:
                raise self._numberless()
            if len(self.joined.files) < 2 and self.options.cut is None:
                wide = ', or, where each row is a sequence of one feature, `format = "ucr"` with `label`'
                also = ', or cut rows where their label changes by `cut = "label"`'
                raise self._unknown(
                    "sequence",
                    "which rows are of one sequence",
                    also + wide * (len(self._free_numbers()) >= WIDE),
                )
            self.guessed["sequence"] = (self.options.cut and self.role("group")) or FILE
        group = self.role("group")
        if "sequence" in self.guessed and isinstance(keys, str) and group not in (None, keys):
            one, other = self.joined.texts(str(group)), self.joined.texts(keys)
            if not of.is_constant(one, other):  # each person's trials are counted from 1
                self.guessed["sequence"] = [str(group), keys]
        if "time" in self.guessed and not self._orders(str(self.guessed["time"])):
            time = self.guessed.pop("time")
            self.unordered = None if time in ("t", "T") else time  # a temperature

    def _orders(self, time: str) -> bool:
        """Tell whether a column can be the time of a sequence's rows: it grows in each, or has no value twice."""
        options = self.options.model_copy(update=self.guessed)
        try:
            return is_order(self.joined, options, time)
        except DataError:  # of which `gather` tells
            return False

    def _finest(self, names: Sequence[str]) -> str:
        return max(dict.fromkeys(names), key=lambda name: len(self.joined.texts(name).names))

    def _find_features(self, is_nested: bool) -> None:
        free, depths = self._free(), self._depths()
        if is_nested:
            deep = [name for name in free if depths[name] == 2]
            flat = [name for name in free if depths[name] == 1]
            if len(deep) > 1:
                raise self._unknown("features", f"which of {', '.join(deep)} holds the numbers")
            found = deep or flat
        else:
            found = self._free_numbers()
        if not found:
            raise self._numberless()
        self.guessed["features"] = found

    def _free(self) -> list[str]:
        return [name for name in self.names if name not in self.taken()]

    def _depths(self) -> dict[str, int]:
        return {field.name: of.list_depth(field.type) for field in self.table.schema}

    def _free_numbers(self) -> list[str]:
        depths = self._depths()
        return [name for name in self._free() if depths[name] == 0]

    def _numberless(self) -> DataError:
        return DataError([Problem(self.where, f"has no columns of numbers beside {_listed(self.taken())}")])

    def passed_over(self, options: TableOptions) -> list[str]:
        """Name the columns that have no role, why."""
        used = {
            *(options.features or []),
            *options.keys,
            options.label,
            options.time,
            options.group,
            options.split,
        }
        return [
            f"`{name}` (row numbers)"
            if name in self.index
            else f"`{name}` ({self.table.schema.field(name).type})"
            for name in self.names
            if name not in used
        ]

    def _unknown(self, role: str, what: str, also: str = "") -> DataError:
        free = [name for name, _ in of.candidates(self.table.slice(0, LOOKED_AT), self.taken())]
        example = f', such as `{role} = "{free[0]}"`' if free else ""
        rule = (
            f"does not show {what}: say it by `{role}`{example}{also}; its columns are {_listed(self.names)}"
        )
        return DataError([Problem(self.where, rule)])


def _check_names(joined: Joined, options: TableOptions, where: str) -> None:
    names = joined.table.column_names
    problems: list[Problem] = []
    for role, value in options.model_dump(exclude_none=True).items():
        if role == "cut":
            continue
        for name in [value] if isinstance(value, str) else value:
            if name not in names and not (name == FILE and role in ("sequence", "group")):
                near = get_close_matches(name, names, 1)
                hint = f" (did you mean `{near[0]}`?)" if near else ""
                problems.append(
                    Problem(where, f"has no column `{name}`, which `{role}` names{hint}: {_listed(names)}")
                )
            elif role == "features" and (bad := nearly_numbers(joined, name)):
                problems += bad
            elif role == "features" and of.list_depth(joined.table.schema.field(name).type) < 0:
                kind = joined.table.schema.field(name).type
                problems.append(
                    Problem(where, f"column `{name}`, which `features` names, has no numbers, but {kind}")
                )
    depths = {
        of.list_depth(joined.table.schema.field(name).type)
        for name in options.features or []
        if name in names
    }
    if not problems and options.features is not None:
        if not options.features:
            problems.append(Problem(where, "`features` names no column"))
        elif len(depths) > 1 or max(depths) > 2 or (2 in depths and len(options.features) > 1):
            rule = "`features` must name columns of numbers, columns of lists of numbers, or one of lists of lists"
            problems.append(Problem(where, rule))
    if problems:
        raise DataError(problems)


def _said(value: str | list[str]) -> str:
    return f"`{value}`" if isinstance(value, str) else _listed(value)


def _listed(names: Sequence[str]) -> str:
    shown = [f"`{name}`" for name in names[:12]]
    return ", ".join([*shown, *(["..."] if len(names) > 12 else [])])
