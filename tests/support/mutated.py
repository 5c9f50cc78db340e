"""Damaged files: real ones with bytes changed, and what a format must do with them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.data.files import Files
from seqsweep.seqmodels.data.formats.base import Format, Options


@st.composite
def mutated(draw: st.DrawFn, originals: Sequence[bytes], words: Sequence[bytes] = ()) -> bytes:
    """One of the files with a few slices replaced, doubled, cut out, or by some of the format's own words."""
    content = draw(st.sampled_from(originals))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 40)))
        new = draw(
            st.one_of(
                st.binary(max_size=4),
                st.just(content[start:end] * 2),
                *([st.sampled_from(words)] if words else []),
            )
        )
        content = content[:start] + new + content[end:]
    return content[: draw(st.integers(0, len(content)))] if draw(st.booleans()) else content


def files_of(tree: Mapping[str, bytes]) -> Files:
    """A listing of files that are in memory only."""
    folders = {name[:place] for name in tree for place, letter in enumerate(name) if letter == "/"}
    return Files("set", "/", dict(tree), frozenset({"", *folders}))


def survive(form: Format, tree: Mapping[str, bytes], options: Options | None = None) -> list[Any]:
    """Read all in every way; what is no good collection must be a DataError. Gives what was read."""
    files = files_of(tree)
    read = []
    form.recognise(files)
    complete = options or form.options_type()
    try:
        complete, _ = form.complete(files, complete)
        found = form.gather(files, complete)
        for each in found.sequences:
            assert each.ndim == 2
            assert np.issubdtype(each.dtype, np.number)
            assert not np.iscomplexobj(each)
        read.append(found)
    except DataError:
        pass
    for inner in tree:
        try:
            for each in form.parse(files, inner, complete):
                assert each.values.ndim == 2
                read.append(each)
        except DataError:
            continue
    return read
