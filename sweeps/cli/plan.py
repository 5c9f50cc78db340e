"""`seqsweep plan`: what a sweep will take, before it is started."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seqsweep.sweeps.cli.options import Json, console

NAME = "plan"
EXAMPLES = """\b
Examples:
  seqsweep plan
  seqsweep plan my.toml --nodes 64 --cpus 96 --memory 768
  seqsweep plan my.toml --hours 2                     how many candidates two hours are enough for
  seqsweep plan my.toml --write-rates gpu.json        on a GPU node; then, anywhere:
  seqsweep plan my.toml --rates gpu.json --nodes 64 --cpus 96 --gpus 8 --gpu-memory 80"""


def command(
    spec: Annotated[
        Path | None,
        typer.Argument(
            metavar="SPEC",
            help="A TOML file.",
            show_default="sweep.toml of this folder, else the embedded study",
        ),
    ] = None,
    nodes: Annotated[
        int, typer.Option("--nodes", min=1, max=100_000, metavar="N", help="Equal machines.")
    ] = 1,
    cpus: Annotated[
        int | None,
        typer.Option(
            "--cpus", min=1, max=100_000, metavar="N", help="Cores of each.", show_default="as here"
        ),
    ] = None,
    gpus: Annotated[
        int | None,
        typer.Option("--gpus", min=0, max=1000, metavar="N", help="GPUs of each.", show_default="as here"),
    ] = None,
    memory: Annotated[
        float | None,
        typer.Option("--memory", min=0.1, metavar="GB", help="Memory of each.", show_default="as here"),
    ] = None,
    gpu_memory: Annotated[
        float | None,
        typer.Option(
            "--gpu-memory", min=0.1, metavar="GB", help="Memory of each GPU.", show_default="unknown"
        ),
    ] = None,
    rates: Annotated[
        Path | None,
        typer.Option(
            "--rates",
            metavar="FILE",
            help="Rates measured elsewhere.",
            show_default="measured here, in about 20 s",
        ),
    ] = None,
    write_rates: Annotated[
        Path | None, typer.Option("--write-rates", metavar="FILE", help="Keep the rates measured here.")
    ] = None,
    hours: Annotated[
        float | None,
        typer.Option("--hours", min=0.001, metavar="H", help="Say how many candidates are trained in these."),
    ] = None,
    json: Json = False,
) -> None:
    """Say what a sweep will take: hours, memory, bytes.

    Trains nothing but for a moment, to measure how fast this machine is.
    """
    from seqsweep.sweeps.cli.printing import write_json
    from seqsweep.sweeps.forecast.planning import Options, plan_sweep
    from seqsweep.sweeps.forecast.view import render
    from seqsweep.sweeps.spec.here import spec_here

    options = Options(nodes, cpus, gpus, memory, gpu_memory, rates, write_rates, hours)
    checked, spec = spec_here(spec)
    found = plan_sweep(checked, options, source=str(spec) if spec else "reference.toml")
    if json:
        write_json(found, console())
    else:
        render(found, console())
