"""SQL over the store against pandas; and that it reaches nothing else."""

import csv
import io
import json
import math
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from seqsweep.results.errors import Damaged, Invalid, StoreError
from seqsweep.results.query.sql import LOCKS, Answer, ask
from seqsweep.results.store import Store, Sweep
from seqsweep.results.views import answer, json_view
from tests.support.example_sweep import write_example


@pytest.fixture(scope="module")
def sweep(example_root: Path) -> Sweep:
    return Store(example_root).find()


def test_a_query_is_what_pandas_says(sweep: Sweep) -> None:
    found = ask(
        "select cell, max(lr) lr, count(*) n from lanes where chosen group by cell order by cell", [sweep]
    )
    frame = sweep.read("lanes").to_pandas()
    theirs = frame[frame.chosen].astype({"cell": str}).groupby("cell").lr.agg(["max", "size"])
    assert found.columns == ("cell", "lr", "n")
    assert list(found.rows) == [(cell, *row) for cell, *row in theirs.itertuples(name=None)]


@pytest.mark.parametrize("table", ["lanes", "epochs", "confusions", "predictions"])
def test_every_table_is_there_whole(sweep: Sweep, table: str) -> None:
    found = pd.DataFrame(ask(f"select * from {table}", [sweep]).rows)
    assert len(found) == sweep.read(table).num_rows
    joined = ask(
        f"select count(*) from {table.upper()} a join lanes b using (trial, candidate, seed)", [sweep]
    )
    assert joined.rows == ((len(found),),)
    assert table in {name for (name,) in ask("show tables", [sweep]).rows}


def test_several_sweeps_are_one_table(tmp_path: Path) -> None:
    sweeps = [write_example(tmp_path, sweep_id=f"one-00000{n}", missing=8 - n) for n in (0, 1)]
    found = ask("select sweep, count(distinct trial) from lanes group by sweep order by sweep", sweeps)
    assert found.rows == (("one-000000", 2), ("one-000001", 3))
    assert ask("select count(*) from lanes", []).rows == ((0,),)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.csv"
    path.write_text("word\nhidden\n")
    return path


@pytest.mark.parametrize(
    "query",
    [
        "select * from read_text('/etc/passwd')",
        "select * from read_blob('{}')",
        "select * from read_csv('{}')",
        "select * from '{}'",
        "select * from glob('{}')",
        "select * from parquet_scan('{}')",
        "select * from read_csv('https://example.org/a.csv')",
        "select * from lanes, read_text('{}')",
        "select * from query('select * from ''{}''')",
        "copy lanes to '{}'",
        "copy (select 1) to '{}'",
        "create table t as select 1",
        "create table t as (pivot lanes on cell using avg(lr))",
        "insert into lanes from (pivot lanes on cell using avg(lr))",
        "pivot '{}' on word using count(*)",
        "copy (pivot lanes on cell using avg(lr)) to '{}'",
        "pivot lanes on cell using avg(lr); copy lanes to '{}'",
        "select '\ud800'",
        "select 1 \0",
        "attach '{}' as other",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "pragma enable_external_access = true",
        "reset lock_configuration",
        "export database '{}'",
        "import database '{}'",
        "select 1; copy lanes to '{}'",
        "insert into lanes select * from lanes",
        "drop view lanes",
        "call pragma_version()",
        "explain analyze select * from '{}'",
        "select * from secret",
        "select * from sweeps",
        "",
    ],
)
def test_a_query_reaches_nothing_but_the_tables(sweep: Sweep, secret: Path, query: str) -> None:
    before = secret.read_bytes()
    with pytest.raises(StoreError):
        ask(query.format(secret), [sweep])
    assert secret.read_bytes() == before
    assert [path.name for path in secret.parent.iterdir()] == ["secret.csv"]


def test_the_locks_hold_without_the_check_of_statements(sweep: Sweep, secret: Path) -> None:
    import duckdb

    smuggled = pd.DataFrame({"word": ["hidden"]})
    with duckdb.connect(":memory:") as connection:
        assert len(connection.execute("select word from smuggled").fetchall()) == len(smuggled), "open before"
        assert connection.execute(f"select word from '{secret}'").fetchall() == [("hidden",)], "open before"
        for lock in LOCKS:
            connection.execute(lock)
        for query in (
            f"select word from '{secret}'",
            f"select * from read_text('{secret}')",
            f"copy (select 1) to '{secret}'",
            f"attach '{secret}.db' as other",
            "install httpfs",
            "load httpfs",
            "set enable_external_access = true",
            "set lock_configuration = false",
            "select word from smuggled",
        ):
            with pytest.raises(duckdb.Error):
                connection.execute(query)


def test_a_query_that_needs_more_than_memory_writes_no_files(
    sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "seqsweep.results.query.sql.LOCKS", ("SET memory_limit = '20MB'", "SET threads = 1", *LOCKS)
    )
    with pytest.raises(StoreError, match="Out of Memory"):
        ask(
            "select max(a) from (select range a, hash(range) b from range(1000000) order by b offset 9)",
            [sweep],
        )
    assert list(tmp_path.iterdir()) == []


def test_mistakes_are_said_in_duckdbs_words(sweep: Sweep) -> None:
    with pytest.raises(StoreError, match=r'"lrr" not found[^$]*Candidate bindings: "lr"'):
        ask("select lrr from lanes", [sweep])
    with pytest.raises(StoreError, match="syntax error"):
        ask("selec 1", [sweep])
    with pytest.raises(StoreError, match="must be one SELECT"):
        ask("select 1; select 2", [sweep])


def test_a_damaged_part_is_named(own_sweep: Sweep, tmp_path: Path) -> None:
    (path, *_) = sorted((tmp_path / own_sweep.id / "epochs").glob("*.parquet"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert ask("select count(*) from lanes", [own_sweep]).rows == ((120,),), "it is not read"
    with pytest.raises(Damaged, match=path.name):
        ask("select count(*) from epochs", [own_sweep])


def test_values_are_plain(sweep: Sweep) -> None:
    query = "select null a, true b, 1.5::decimal(4, 2) c, 10::hugeint d, date '2026-11-25' e, [1, null] f, {'x': 1} g, 'z' h"
    (row,) = ask(query, [sweep]).rows
    assert row == (None, True, 1.5, 10, "2026-11-25", [1, None], {"x": 1}, "z")
    ((when,),) = ask("select timestamptz '2026-11-25 12:00:00+00'", [sweep]).rows
    assert "2026-11-25" in when
    assert ask("select 1 a, 2 a", [sweep]) == Answer(("a", "a"), ((1, 2),))


SPELT = {  # DuckDB's own words for it
    "date": ["294276-01-01", "-infinity", "infinity", "0001-01-01 (BC)", "2026-11-25"],
    "timestamp": ["294246-01-01 00:00:00", "-infinity", "0044-03-15 (BC) 12:00:00"],
    "timestamptz": ["infinity", "2026-11-25 12:00:00+00"],
    "timestamp_ns": ["2026-11-25 12:00:00.123456789"],
    "time": ["24:00:00"],
    "timetz": ["12:00:00+01:30"],
    "interval": ["1 year 2 days 00:00:03"],
    "blob": [r"ab\x00\xFF"],
    "uuid": ["00000000-0000-0000-0000-000000000001"],
    "bit": ["101"],
    "enum('a', 'b')": ["b"],
    "bignum": ["9" * 5000],
    "json": ['{"a": [1, null]}'],
}
EXACT = {
    "18446744073709551615::ubigint": 2**64 - 1,
    "-170141183460469231731687303715884105727::hugeint": -(2**127) + 1,
    "340282366920938463463374607431768211455::uhugeint": 2**128 - 1,
    "9007199254740993": 2**53 + 1,
    "1.50::decimal(38, 2)": 1.5,
    "12345678901234567890.5::decimal(38, 1)": "12345678901234567890.5",
    "[date '294276-01-01', null]": ["294276-01-01", None],
    "[9007199254740993, null]": [2**53 + 1, None],
    "{'a': date 'infinity', 'b': [1.5::decimal(4, 2)]}": {"a": "infinity", "b": [1.5]},
    "map {'x': interval '1 day'}": {"x": "1 day"},
    "map {[1]: 2}": {"[1]": 2},
    "[1, 2]::int[2]": [1, 2],
    "union_value(num := 2)": {"num": 2},
    "row(1, 'a')": [1, "a"],
    "{'x': 'a\"b'}": {"x": 'a"b'},
    "null::int[]": None,
}


def printed(found: Answer) -> str:
    """As CSV, and as it stands in the terminal, which must not fail."""
    answer.render(found, Console(file=io.StringIO(), width=60))
    file = io.StringIO(newline="")
    answer.write_csv(found, file)
    return file.getvalue()


@pytest.mark.parametrize("kind", SPELT)
def test_values_of_every_kind_are_spelt_as_duckdb_does(kind: str) -> None:
    for text in SPELT[kind]:
        found = ask(f"select '{text}'::{kind} v", [])
        assert found.rows == ((text,),)
        assert list(csv.reader(io.StringIO(printed(found)))) == [["v"], [text]]
        assert json.loads(json_view.dump(found))["rows"] == [[text]]


@pytest.mark.parametrize("value", EXACT)
def test_numbers_and_lists_are_exact(value: str) -> None:
    found = ask(f"select {value} v", [])
    assert found.rows == ((EXACT[value],),)
    assert json.loads(json_view.dump(found))["rows"] == [[EXACT[value]]]
    printed(found)


@given(st.text(max_size=12), st.floats(), st.integers(-(2**127) + 1, 2**127 - 1))
@settings(max_examples=25, deadline=None)
def test_any_literal_comes_back(text: str, number: float, whole: int) -> None:
    quoted = text.replace("'", "''")
    query = f"select '{quoted}' t, '{number!r}'::double d, {whole}::hugeint h, ['{quoted}'] l"
    try:
        query.encode()
    except UnicodeEncodeError:
        with pytest.raises(Invalid, match="not UTF-8"):
            ask(query, [])
        return
    if "\0" in text:
        with pytest.raises(Invalid, match="NUL"):
            ask(query, [])
        return
    found = ask(query, [])
    ((back, same, integer, nested),) = found.rows
    assert (back, integer, nested) == (text, whole, [text])
    assert same == number or (math.isnan(same) and math.isnan(number))
    assert next(csv.reader(io.StringIO(printed(found).partition("\n")[2], newline="")))[0] == text


def test_a_bare_carriage_return_is_quoted() -> None:
    """What Python's reader and pandas read is what was written, whatever ends a line."""
    texts = ["a\rb", "\r", "a\nb", "\r\n", 'q"', "x,y", " a ", "plain"]
    found = Answer(("t\rx", "n"), tuple((text, place) for place, text in enumerate(texts)))
    written = printed(found)
    assert [row[0] for row in csv.reader(io.StringIO(written, newline=""))] == ["t\rx", *texts]
    pd.testing.assert_frame_equal(
        pd.read_csv(io.StringIO(written, newline="")), pd.DataFrame(found.rows, columns=found.columns)
    )


@pytest.mark.parametrize(
    "query",
    [
        "pivot lanes on cell using avg(lr) group by seed",
        "with p as (pivot lanes on cell using avg(lr) group by seed) from p",
        "select * from (pivot lanes on cell using avg(lr) group by seed) -- create",
        "unpivot (select seed, lr, dropout from lanes) on lr, dropout into name what value number",
        "summarize lanes",
        "describe lanes",
        "show lanes",
        "from lanes limit 1",
        "values (1)",
    ],
)
def test_what_only_reads_is_answered(sweep: Sweep, query: str) -> None:
    assert ask(query, [sweep]).rows


def test_a_pivot_is_what_pandas_makes_of_it(sweep: Sweep) -> None:
    found = ask("pivot lanes on cell using max(lr) group by seed order by seed", [sweep])
    frame = sweep.read("lanes").to_pandas()
    theirs = frame.astype({"cell": str}).pivot_table("lr", "seed", "cell", "max")
    assert found.columns == ("seed", *theirs.columns)
    assert [list(row[1:]) for row in found.rows] == theirs.to_numpy().tolist()


def test_csv_loads_back_equal(sweep: Sweep) -> None:
    query = "select lr, clip_norm, chosen, 'a, \"b\"' || chr(10) || 'é' as name from lanes order by all"
    file = io.StringIO(newline="")
    found = ask(query, [sweep])
    answer.write_csv(found, file)
    back = pd.read_csv(io.StringIO(file.getvalue()))
    pd.testing.assert_frame_equal(back, pd.DataFrame(found.rows, columns=found.columns))


def test_a_plain_install_is_told_which_extra_it_needs(example_root: Path) -> None:
    program = (
        "import sys; sys.modules['duckdb'] = None\n"
        "from seqsweep.sweeps.cli.app import main\n"
        f"sys.exit(main(['sql', 'select 1', '--store', {str(example_root)!r}]))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install '.[sql]'" in done.stderr
