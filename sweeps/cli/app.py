"""The `seqsweep` command: one module per verb, and what they share in `options.py`.

Nothing heavy is imported until a verb needs it, so that `--help` answers at once.
Exit codes: 0 done; 1 a fault of ours, or trials or checks that failed; 2 a mistake in the spec, the data, the store or the
command line; 3 the sweep is trained but its verdict could not be printed; 129 SIGHUP; 130 Ctrl-C; 143 SIGTERM.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer
from typer.main import get_command

from seqsweep.cluster.streams import drop, standard_streams
from seqsweep.results.gate import Gate, ungated
from seqsweep.sweeps.cli import (
    cluster,
    compare,
    confusion,
    curves,
    data,
    doctor,
    evaluate,
    export,
    export_model,
    importance,
    init,
    lanes,
    list_,
    logs,
    plan,
    platforms,
    predict,
    pull,
    replay,
    report,
    resume,
    run,
    show,
    sql,
    status,
    stop,
    submit,
    watch,
)
from seqsweep.sweeps.cli.notes import show_notes
from seqsweep.sweeps.cli.verbs import Verbs
from seqsweep.sweeps.faults import explain


@dataclass
class Settings:
    """What the options before the verb say."""

    debug: bool = False


app = typer.Typer(
    name="seqsweep",
    cls=Verbs,
    help="Which recurrent architecture is best for my sequences, and how sure can I be?",
    epilog="\b\nExamples:\n  seqsweep run                  the embedded study, a few minutes on two cores\n"
    "  seqsweep init letters/        look at your own data and write sweep.toml; then again:\n"
    "  seqsweep run"
    "                  sweep.toml of this folder\n"
    "  seqsweep show                 its verdict, again",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help: no import of rich, and any width
    context_settings={"help_option_names": ["-h", "--help"]},
)
_GROUPS = {
    "Run": (init, run, plan, resume, doctor),
    "Look": (show, compare, confusion, curves, importance, replay, lanes, sql, list_),
    "Take away": (report, export, export_model, predict, evaluate),
    "Cluster": (submit, status, watch, logs, stop, pull),
}
for _group, _verbs in _GROUPS.items():
    for _verb in _verbs:
        app.command(_verb.NAME, epilog=_verb.EXAMPLES, rich_help_panel=_group)(_verb.command)
app.add_typer(cluster.app, name=cluster.NAME, rich_help_panel="Cluster")
app.add_typer(data.app, name=data.NAME, rich_help_panel="Data")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"seqsweep {version('seqsweep')}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show where in the code an error arose.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    context.obj.debug = debug


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line (default: the process's own) and return its exit code."""
    show_notes()
    with standard_streams(), Gate():
        return _explained(arguments)


def _explained(arguments: Sequence[str] | None) -> int:
    """Run it; whatever goes wrong is said, and only with `--debug` where in the code."""
    if trouble := platforms.complaint():
        typer.echo(f"error: {trouble}", err=True, color=True)
        return 2
    settings = Settings()
    try:
        code = _run(arguments, settings)
        if not code:  # else there is something else to say, or it has been said
            sys.stdout.flush()  # here, where it can be said that it failed
    except BrokenPipeError:  # the reader (`head`, a pager) has seen enough
        drop(ungated(sys.stdout))
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if settings.debug:
            traceback.print_exc()  # here, for what it quotes passes the gate
            return 1
        return explain(error)
    return code


def _run(arguments: Sequence[str] | None, settings: Settings) -> int:
    try:
        get_command(app).main(args=arguments, prog_name="seqsweep", obj=settings)
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else 0 if done.code is None else 1
    return 0
