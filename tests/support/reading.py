"""Reads a data set in one format, for its tests."""

from collections.abc import Sequence
from typing import Any

from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.data.formats.base import Format, Located
from seqsweep.seqmodels.data.preparing import prepare


def read(
    form: Format, path: Located, *, name: str, classes: Sequence[str] | None = None, **options: Any
) -> SequenceDataset:
    """Read a data set with the test part that it comes with."""
    found, _ = form.collect(path, form.options_type(**options), classes)
    return prepare(found, name, form.transforms, classes=classes)
