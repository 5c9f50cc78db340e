"""What a spec may say about the columns of a table."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from seqsweep.seqmodels.data.formats.base import Options

FILE = "file"
"""In place of a column: the file's path, where each file is a sequence, or counts its own."""


class TableOptions(Options):
    """Which column is what; by their names, or by their numbers from 1 (`"1"`) where there is no header."""

    sequence: str | list[str] | None = Field(
        None,
        description="the column, or the columns, that tell sequences apart; `file` is the path of the file a row stands in",
        examples=['sequence = "Chick"', 'sequence = ["subject", "trial"]'],
    )
    label: str | None = Field(
        None,
        description="the column with the class; it must be the same in all rows of a sequence",
        examples=['label = "Diet"'],
    )
    features: list[str] | None = Field(
        None,
        description="the columns with the numbers, in this order; else all columns of numbers that are nothing else",
        examples=['features = ["x", "y", "z"]'],
    )
    time: str | None = Field(
        None, description="the column by which rows are sorted; it is no feature", examples=['time = "Time"']
    )
    group: str | None = Field(
        None, description="the column with the speaker, writer or person", examples=['group = "subject"']
    )
    split: str | None = Field(
        None, description="the column with the part: train, validation or test", examples=['split = "split"']
    )
    cut: Literal["label"] | None = Field(
        None,
        description='`"label"` begins a new sequence where the label changes, for recordings that are labelled row by row',
        examples=['cut = "label"'],
    )

    @property
    def keys(self) -> list[str]:
        """The columns that tell sequences apart."""
        return self.sequence if isinstance(self.sequence, list) else [self.sequence or FILE]
