"""An axis that is younger than a store: its rows are read as models were before."""

from pathlib import Path

import pyarrow as pa
import pytest

from seqsweep.results import parquet
from seqsweep.results.errors import Damaged
from seqsweep.results.files import Folder
from seqsweep.results.schema import LANES
from tests.support.example_sweep import write_example


def test_rows_without_a_later_axis_are_as_models_were_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = write_example(tmp_path / "store").read("lanes")
    one = whole.slice(0, 3)
    old = one.drop_columns(["head_hidden"])
    folder = Folder.at(tmp_path)
    name = f"{one['trial'][0]}.parquet"
    schema = pa.schema([LANES.field(each) for each in old.column_names], metadata=LANES.metadata)
    folder.write(name, parquet.encoded(schema, [old]))
    with pytest.raises(Damaged, match="lacks the column `head_hidden`"):
        parquet.read(folder, name, LANES, LANES.names)
    monkeypatch.setattr(parquet, "BEFORE", {"head_hidden": 7})
    found = parquet.read(folder, name, LANES, LANES.names)
    assert found.schema.equals(LANES)
    assert found["head_hidden"].to_pylist() == [7, 7, 7]
    assert found.drop_columns(["head_hidden"]).equals(one.drop_columns(["head_hidden"]))
