"""`seqsweep cluster`: files that start a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

NAME = "cluster"
app = typer.Typer(
    name=NAME,
    help="Files that start a cluster, for `seqsweep submit` to run sweeps on.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_KINDS = "ray-aws, ray-gcp, ray-onprem, kuberay or slurm"
_EXAMPLES = """\b
Examples:
  seqsweep cluster template ray-aws --nodes 4 --gpus 8 --gpu-type A100-40GB --region us-east-1 -o aws.yaml
  seqsweep cluster template ray-gcp --project my-project --gpu-type L4 --zone europe-west4-a -o gcp.yaml
  seqsweep cluster template ray-onprem --hosts head.lab,gpu1.lab,gpu2.lab --user ada -o lab.yaml
  seqsweep cluster template kuberay --nodes 2 --gpus 1 --gpu-type NVIDIA-L4 --cpus 8 | kubectl apply -f -
  seqsweep cluster template slurm --nodes 4 --gpus 4 --gpu-type a100 --cpus 32 --time 1-12 -o cluster.sh"""


@app.command("template", epilog=_EXAMPLES)
def template(
    kind: Annotated[str, typer.Argument(metavar="KIND", help=f"{_KINDS}.")],
    name: Annotated[str | None, typer.Option(help="The cluster's name.", show_default="seqsweep")] = None,
    nodes: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Nodes that train; ray-aws, ray-gcp and kuberay add a small head.",
            show_default="2",
        ),
    ] = None,
    gpus: Annotated[
        int | None,
        typer.Option(metavar="N", help="GPUs of each node.", show_default="1 with --gpu-type, else 0"),
    ] = None,
    gpu_type: Annotated[
        str | None,
        typer.Option(
            metavar="TYPE",
            help="L4, H100, ... (ray-aws, ray-gcp); the node's label nvidia.com/gpu.product (kuberay); the GRES type (slurm).",
        ),
    ] = None,
    cpus: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="CPUs of each node; at least so many where they come with the machine type.",
            show_default="8, or what comes with the GPUs",
        ),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(
            help="ray-aws, ray-gcp: where.",
            show_default="the zone's, or us-west-2 (AWS), us-central1 (Google)",
        ),
    ] = None,
    zone: Annotated[
        str | None,
        typer.Option(help="ray-aws, ray-gcp: where exactly.", show_default="any (AWS), one of the region's"),
    ] = None,
    project: Annotated[str | None, typer.Option(help="ray-gcp: the project's id.")] = None,
    hosts: Annotated[
        str | None,
        typer.Option(metavar="HEAD,HOST,...", help="ray-onprem: the machines, the head first; all train."),
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="ray-onprem: whom ssh logs in as.", show_default="you")
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(
            help="ray-aws, ray-gcp, kuberay: the nodes' container image.",
            show_default="Ray's, of the installed version",
        ),
    ] = None,
    partition: Annotated[
        str | None, typer.Option(help="slurm: the partition.", show_default="the site's")
    ] = None,
    time: Annotated[
        str | None, typer.Option(help="slurm: the time limit, as sbatch takes it.", show_default="24:00:00")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to FILE.", show_default="standard output"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite FILE.")] = False,
) -> None:
    """Write a file that starts a cluster, ready to be edited.

    It is pinned to the versions that are installed here, and its comments say what costs money, and how to start, use
    and stop the cluster.
    """
    from seqsweep.cluster.render import Wanted, render

    text = render(
        kind,
        Wanted(
            name=name,
            nodes=nodes,
            gpus=gpus,
            gpu_type=gpu_type,
            cpus=cpus,
            region=region,
            zone=zone,
            project=project,
            hosts=tuple(hosts.split(",")) if hosts is not None else None,
            user=user,
            image=image,
            partition=partition,
            time=time,
        ),
    )
    if output is None:
        typer.echo(text, nl=False)
    else:
        _write(text, output, force)


def _write(text: str, output: Path, force: bool) -> None:
    from seqsweep.cluster.local import ClusterError

    try:
        with output.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise ClusterError(f"--output {output} exists already; --force overwrites it") from error
    except OSError as error:
        raise ClusterError(f"--output {output} cannot be written: {error.strerror or error}") from error
    typer.echo(f"wrote {output}; its first lines say how to start the cluster", err=True)
