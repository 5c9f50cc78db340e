"""Data folders of Kaldi: `feats.scp` or another table, or archives, with files beside them that say class and speaker."""

from __future__ import annotations

import builtins
import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from seqsweep.seqmodels.data.collection import Collection
from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import Files, list_files
from seqsweep.seqmodels.data.formats.audio import AUDIO
from seqsweep.seqmodels.data.formats.base import Format, Options, RawSequence, check_name_pattern
from seqsweep.seqmodels.data.formats.kaldi_ark import looks_like_ark
from seqsweep.seqmodels.data.formats.kaldi_table import (
    Archives,
    Value,
    archive_values,
    beside,
    read_lines,
    read_words,
)
from seqsweep.seqmodels.data.formats.per_file import part_of_each
from seqsweep.seqmodels.data.notes import say
from seqsweep.seqmodels.data.transforms.standardize import STANDARDIZE

FEATURES = "feats.scp"
NO_FEATURES = re.compile(r"(wav|cmvn|vad|utt2|spk2|segments|text)", re.IGNORECASE)
PIECE = re.compile(r"\.\d+(?=\.(scp|ark)$)")  # `raw_mfcc.1.scp`: the pieces of one table
LABELS = ("utt2label", "utt2class", "utt2lang", "utt2emo")
TEXT = "text"
SPEAKERS = "utt2spk"
PREFIX = r"^([^_\-. ]+)[_\-. ]"
SCP_LINE = re.compile(rb"\s*\S+[ \t]+\S")


class KaldiOptions(Options):
    """Which table is read, and where class and speaker are found."""

    table: str | None = Field(
        None,
        description="the name of the `.scp` or `.ark` file to read in each folder",
        examples=['table = "feats.scp"'],
    )
    label: str | None = Field(
        None,
        description="where the class is found: a file with the utterance and its class in each line (`spk2...`: with the "
        "speaker), or a regular expression with one group, searched in the utterance's name",
        examples=['label = "utt2label"', "label = '^([a-z]+)-'"],
    )
    group: str | None = Field(
        None,
        description="where the speaker is found, likewise",
        examples=['group = "utt2spk"', "group = '^([^-]+)-'"],
    )
    ranges: Literal["kaldi", "python"] | None = Field(
        None,
        description="whether the last row and column of a range such as [0:9] belong to it (`kaldi`) or not (`python`)",
        examples=['ranges = "python"'],
    )

    @field_validator("label", "group")
    @classmethod
    def _one_group(cls, value: str | None) -> str | None:
        if value is not None and "(" in value:
            check_name_pattern(value)
        return value


class Kaldi(Format):
    """An utterance is a sequence, a frame a token. Commands in tables are never run."""

    name = "kaldi"
    endings = (".scp", ".ark")
    row = "a frame of a Kaldi feature matrix"
    drawing = "image"
    transforms = (STANDARDIZE,)
    options_type: ClassVar[type[Options]] = KaldiOptions

    def list(self, path: Path | Sequence[Path]) -> Files:
        """List everything: most files of a data folder have no ending. Raises DataError."""
        return list_files(path)

    def recognise(self, files: Files) -> str | None:
        """Look for tables of features, and into the first."""
        there = files.having(self.endings)
        if not there:
            return None
        try:
            table = self.tables(files, None)[0]
        except DataError:
            if files.having(AUDIO.endings):
                return None  # it may say where the sound lies that is there
            # it is said why they cannot be read
            known = [inner for inner in there if self._looks_right(files, inner)]
            return f"Kaldi's tables or archives, such as {known[0]}" if known else None
        return f"a data folder with {table}" if self._looks_right(files, table) else None

    def _looks_right(self, files: Files, inner: str) -> bool:
        beginning = files.peek(inner)
        if inner.lower().endswith(".ark"):
            return looks_like_ark(beginning)
        return b"\0" not in beginning and SCP_LINE.match(beginning) is not None

    def tables(self, files: Files, asked: str | None) -> builtins.list[str]:
        """Name the tables to read: `feats.scp` of each folder, or else the only other. Raises DataError."""
        there = files.having(self.endings)
        if asked is not None:
            found = [inner for inner in sorted(files.contents) if f"/{inner}".endswith(f"/{asked}")]
            if not found:
                raise DataError([Problem(files.root, f"has no file `{asked}`, as `table` says")])
            return found
        if found := [inner for inner in there if posixpath.basename(inner) == FEATURES]:
            return found
        for ending in self.endings:
            found = [
                inner
                for inner in there
                if inner.endswith(ending) and not NO_FEATURES.match(posixpath.basename(inner))
            ]
            kinds = sorted({PIECE.sub("", posixpath.basename(inner)) for inner in found})
            if len(kinds) > 1:
                names = ", ".join(kinds[:5])
                raise DataError(
                    [Problem(files.root, f"holds several tables, {names}: say by `table` which is read")]
                )
            if found:
                return found
        if any(posixpath.basename(inner) == "wav.scp" for inner in there):
            rule = (
                "has sound (wav.scp), but no features (feats.scp), and the commands in such a file are never run: make "
                "features by Kaldi, or write the sound to WAV files and read them by the format audio"
            )
            raise DataError([Problem(files.root, rule)])
        raise DataError(
            [Problem(files.root, "holds no table of features (feats.scp, another .scp, or .ark)")]
        )

    def complete(self, files: Files, options: Options) -> tuple[Options, tuple[str, ...]]:
        """Find out which file says the classes, and which the speakers; and how ranges are meant."""
        assert isinstance(options, KaldiOptions)
        tables, notes = self.tables(files, options.table), []
        found: dict[str, str] = {}
        if options.ranges is None and (meant := self._ranges(files, tables)):
            found["ranges"] = meant
            notes.append(
                f"no `ranges` is given: some would end beyond their matrices by Kaldi's rule, so their last row and column "
                f'do not belong to them (`ranges = "{meant}"`)'
            )
        if options.group is None and all(beside(files, table, [SPEAKERS]) for table in tables):
            found["group"] = SPEAKERS
            notes.append(f'no `group` is given: {SPEAKERS} says the speakers (`group = "{SPEAKERS}"`)')
        if options.label is None:
            found["label"], note = self._label(files, tables, options.model_copy(update=found))
            notes.append(f"no `label` is given: {note}")
        return options.model_copy(update=found), tuple(notes)

    def _label(self, files: Files, tables: Sequence[str], options: KaldiOptions) -> tuple[str, str]:
        for name in LABELS:
            if all(beside(files, table, [name]) for table in tables):
                return name, f'{name} says the classes (`label = "{name}"`)'
        keys = [key for table in tables for key in self._keys(files, table)]
        if all(beside(files, table, [TEXT]) for table in tables):
            words = {
                key: word
                for table in tables
                for key, word in read_words(files, str(beside(files, table, [TEXT]))).items()
            }
            classes = {words.get(key, "") for key in keys}
            if 2 <= len(classes) <= len(keys) // 2 and "" not in classes:
                return TEXT, f'what was said is the class (`label = "{TEXT}"`)'
        prefixes = Counter(match[1] for key in keys if (match := re.search(PREFIX, key)))
        if prefixes.total() == len(keys) and 2 <= len(prefixes) <= len(keys) // 2:
            shown = ", ".join([*list(prefixes)[:5], *(["..."] if len(prefixes) > 5 else [])])
            return (
                PREFIX,
                f"the class is how an utterance's name begins, one of {shown} (`label = '{PREFIX}'`)",
            )
        rule = (
            f"does not show which class its {len(keys):,} utterance(s) have: write a file {LABELS[0]} with an utterance and its "
            "class in each line, or say by `label` which file has them, or a regular expression with one group"
        )
        raise DataError([Problem(files.root, rule)])

    def _keys(self, files: Files, table: str) -> builtins.list[str]:
        if table.lower().endswith(".ark"):
            return [each.key for each in archive_values(files, table)]
        return list(read_words(files, table))

    def _ranges(self, files: Files, tables: Sequence[str]) -> str | None:
        """Tell by the columns whether ranges are meant as Python's; None where Kaldi's rule holds, or there are none."""
        for table in tables:
            if table.lower().endswith(".ark"):
                continue
            archives = Archives(files, table)
            for line in read_lines(files, table, []):
                columns = re.fullmatch(r"\[[^,]*,\s*\d+:(\d{1,9})\s*\]", line.range)
                if columns is None:
                    continue
                try:
                    whole = archives.value(replace(line, range=""), ends_included=True)
                except DataError:
                    continue  # reading it says why
                if whole.shape[1] == int(columns[1]):
                    return "python"
        return None

    def values(
        self,
        files: Files,
        table: str,
        options: KaldiOptions,
        problems: builtins.list[Problem],
        notes: builtins.list[str],
    ) -> Iterator[Value]:
        """Read a table in its order; what cannot be read goes to `problems`, which archives have moved to `notes`."""
        try:
            if not table.lower().endswith(".scp"):
                yield from archive_values(files, table)
                return
            archives = Archives(files, table)
            for line in read_lines(files, table, problems):
                try:
                    found = archives.value(line, ends_included=options.ranges != "python")
                except DataError as error:
                    problems += error.problems
                    continue
                yield Value(line.key, line.where, found)
            notes += sorted(archives.notes)
        except DataError as error:
            problems += error.problems

    def gather(self, files: Files, options: Options, classes: Sequence[str] | None = None) -> Collection:
        """Read every table; an utterance without a class is a problem."""
        assert isinstance(options, KaldiOptions)
        tables = self.tables(files, options.table)
        parts = part_of_each(tables)
        problems: builtins.list[Problem] = []
        kept: builtins.list[tuple[str, Value, str, str, str | None]] = []  # id, value, class, speaker, part
        folders = {posixpath.dirname(table) for table in tables}
        shared = posixpath.commonpath(sorted(folders)) if len(folders) > 1 else ""
        seen: Counter[str] = Counter()
        notes: builtins.list[str] = []
        for table in tables:
            label_of, group_of = (
                _Names(files, table, rule, what)
                for rule, what in ((options.label, "label"), (options.group, "group"))
            )
            folder = posixpath.dirname(table)[len(shared) :].strip("/") if len(folders) > 1 else ""
            for each in self.values(files, table, options, problems, notes):
                try:
                    label = label_of(each.key)
                    if classes is not None and label not in classes:
                        continue
                    group = "" if options.group is None else group_of(each.key)
                except _Unnamed as error:
                    problems.append(Problem(each.where, str(error)))
                    continue
                identity = posixpath.join(folder, each.key)
                seen[identity] += 1
                if seen[identity] > 1:
                    identity += f"#{seen[identity]}"
                kept.append((identity, each, label, group, parts[table]))
        if problems:
            raise DataError(problems)
        if twice := sum(count - 1 for count in seen.values()):
            notes.append(
                f"{twice:,} utterance(s) have a name that was there before: `#2` and so on tells them apart"
            )
        return Collection(
            [each.values for _, each, *_ in kept],
            [label for _, _, label, *_ in kept],
            [identity for identity, *_ in kept],
            [each.where for _, each, *_ in kept],
            [part for *_, part in kept],
            None if options.group is None else [group for *_, group, _ in kept],
            notes=tuple(notes),
        )

    def parse(self, files: Files, inner: str, options: Options) -> Iterator[RawSequence]:
        """Read the utterances of a table or an archive."""
        assert isinstance(options, KaldiOptions)
        problems: builtins.list[Problem] = []
        notes: builtins.list[str] = []
        for each in self.values(files, inner, options, problems, notes):
            yield RawSequence(each.key, each.where, np.asarray(each.values, np.float64))
        say(notes)
        if problems:
            raise DataError(problems)


KALDI = Kaldi()


class _Unnamed(ValueError):
    """An utterance has no class or no speaker; the message says why."""


class _Names:
    """The class or the speaker of each utterance of a table, by a file beside it or by a regular expression."""

    def __init__(self, files: Files, table: str, rule: str | None, what: str) -> None:
        self.rule, self.what = rule or "", what
        self.words: dict[str, str] | None = None
        if rule is not None and "(" not in rule:
            inner = beside(files, table, [rule])
            if inner is None:
                raise DataError(
                    [Problem(files.where(table), f"has no file `{rule}` beside it, as `{what}` says")]
                )
            self.words = read_words(files, inner)
            speakers = beside(files, table, [SPEAKERS])
            if rule.startswith("spk2") and speakers is not None:
                of_speaker = self.words
                self.words = {
                    key: of_speaker.get(name, "") for key, name in read_words(files, speakers).items()
                }

    def __call__(self, key: str) -> str:
        """Give that of an utterance. Raises _Unnamed."""
        if self.words is not None:
            if not (found := self.words.get(key, "")):
                raise _Unnamed(f"`{key}` is not in `{self.rule}`, which says the {self.what} of each")
            return found
        match = re.search(self.rule, key)
        if match is None or not match[1]:
            raise _Unnamed(f"`{key}` has nothing that `{self.what}` = '{self.rule}' finds")
        return match[1]
