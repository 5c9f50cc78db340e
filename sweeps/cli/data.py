"""`seqsweep data`: looks at files before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqsweep.sweeps.cli.options import Json, console
from seqsweep.sweeps.cli.verbs import Verbs

if TYPE_CHECKING:
    from seqsweep.seqmodels.data.collection import Collection
    from seqsweep.seqmodels.data.inspection import Inspection

NAME = "data"
app = typer.Typer(
    name=NAME,
    cls=Verbs,
    help="Look at your sequences, and what is wrong with them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
DataPath = Annotated[
    str,
    typer.Argument(
        metavar="PATH",
        help="A file, folder or archive, also at s3:// or gs://; or an embedded data set's name.",
    ),
]
FormatName = Annotated[
    str | None,
    typer.Option("--format", metavar="NAME", help="How it is read.", show_default="found by looking"),
]
Keys = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A key of the data set's table, such as label=species; again for more.",
    ),
]


@app.command(
    "info",
    epilog="""\b
Examples:
  seqsweep data info recordings/
  seqsweep data info measurements.csv --set sequence=id --set label=species""",
)
def info(path: DataPath, form: FormatName = None, keys: Keys = None, json: Json = False) -> None:
    """Say what files are: format, classes, lengths, features."""
    from seqsweep.sweeps.cli.printing import write_json
    from seqsweep.sweeps.datasets.view import render_info

    about, _ = _inspected(path, form, keys)
    if json:
        write_json(about, console())
    else:
        render_info(about, console())


@app.command(
    "check",
    epilog="""\b
Examples:
  seqsweep data check recordings/
  seqsweep data check letters.tar.gz --json""",
)
def check(path: DataPath, form: FormatName = None, keys: Keys = None, json: Json = False) -> None:
    """Look for what makes data unfit, or an accuracy untrue.

    Copies across parts, groups on two sides, missing and far-off values, constant features, classes too small. What cannot be
    read at all is an error (exit code 2); a warning is none.
    """
    from seqsweep.seqmodels.data.checks import check as warned_of
    from seqsweep.sweeps.cli.printing import write_json
    from seqsweep.sweeps.datasets.view import render_check, render_heading

    about, found = _inspected(path, form, keys)
    warned = warned_of(about, found)
    if json:
        write_json({"data": about, "warnings": warned}, console())
    else:
        render_heading(about, console())
        render_check(warned, console())


@app.command(
    "show",
    epilog="""\b
Examples:
  seqsweep data show letters/
  seqsweep data show recordings/ --class yes --count 5
  seqsweep data show recordings/ -o recordings.html""",
)
def show(
    path: DataPath,
    form: FormatName = None,
    keys: Keys = None,
    count: Annotated[
        int, typer.Option("--count", min=1, max=100, metavar="N", help="Sequences of each class.")
    ] = 1,
    only: Annotated[
        list[str] | None, typer.Option("--class", metavar="NAME", help="Only this class; again for more.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE.html", help="Write a page instead of drawing here."),
    ] = None,
    json: Json = False,
) -> None:
    """Draw a few sequences of each class, as they are written."""
    from seqsweep.results.views import layout
    from seqsweep.seqmodels.data.errors import DataError, Problem
    from seqsweep.sweeps.cli.printing import write_json
    from seqsweep.sweeps.datasets.samples import samples
    from seqsweep.sweeps.datasets.view import render_heading, render_samples

    about, found = _inspected(path, form, keys)
    names = [each.name for each in about.classes]
    unknown = [name for name in only or () if name not in names]
    if unknown:
        raise DataError([Problem(path, f"has no class `{unknown[0]}`; it has {', '.join(names)}")])
    chosen = samples(found, count, only or None)
    if output is not None:
        from seqsweep.results.output import write
        from seqsweep.sweeps.datasets.page import page

        write(page(about, chosen).encode(), output)
    if json:
        rows = [
            {"class": each.label, "id": each.id, "length": each.length, "values": each.values.tolist()}
            for each in chosen
        ]
        write_json({"data": about, "sequences": rows}, console())
    elif output is not None:
        layout.line(console(), f"written to {output}")
    else:
        render_heading(about, console())
        console().print()
        render_samples(chosen, about.drawing, console())


@app.command(
    "convert",
    epilog="""\b
Examples:
  seqsweep data convert recordings/ -o recordings.parquet
  seqsweep data convert letters.csv --set sequence=id --set label=letter -o letters.parquet""",
)
def convert(
    path: DataPath,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE.parquet", help="The file to write, or to replace.")
    ],
    form: FormatName = None,
    keys: Keys = None,
    json: Json = False,
) -> None:
    """Write sequences as one Parquet file, a row each.

    Labels, parts, groups and numbers stay as they are; any program that reads Parquet can read them, and so can seqsweep.
    """
    from seqsweep.results.output import check_place
    from seqsweep.results.views import layout
    from seqsweep.seqmodels.data.errors import DataError, Problem
    from seqsweep.seqmodels.data.formats.writing import write_parquet
    from seqsweep.sweeps.cli.printing import write_json

    if output.suffix.lower() not in (".parquet", ".pq"):
        raise DataError([Problem(str(output), "must end in .parquet, the format that is written")])
    target = check_place(output)
    about, found = _inspected(path, form, keys)
    try:
        write_parquet(found, target)
    except OSError as error:
        raise DataError([Problem(str(output), f"cannot be written: {error.strerror or error}")]) from error
    if json:
        write_json({"data": about, "file": str(output), "bytes": output.stat().st_size}, console())
    else:
        layout.line(
            console(), f"written to {output}: {about.sequences:,} sequences, {output.stat().st_size:,} bytes"
        )


def _inspected(path: str, form: str | None, keys: list[str] | None) -> tuple[Inspection, Collection]:
    from seqsweep.sweeps.datasets.near import inspect

    return inspect(source_table(path, form, keys), base=Path())


def source_table(path: str, form: str | None, keys: list[str] | None) -> str | dict[str, Any]:
    """Make a data set's table of what the command line says, or an embedded one's name. Raises DataError where it is none."""
    from seqsweep.seqmodels.data.errors import DataError, Problem
    from seqsweep.seqmodels.data.source import EMBEDDED, check_source

    if path in EMBEDDED and not Path(path).exists():
        return path
    table: dict[str, Any] = {"path": path} | ({"format": form} if form else {})
    for each in keys or ():
        key, equals, value = each.partition("=")
        if not equals:
            raise DataError([Problem("--set", f"is `{each}`, but must be KEY=VALUE, such as label=species")])
        table[key.strip()] = _value(value.strip())
    faults = check_source(table)
    if faults:
        raise DataError(Problem("data set", fault) for fault in faults)
    return table


def _value(text: str) -> Any:
    """Read a value as TOML does; what is none is a text."""
    import tomllib

    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
