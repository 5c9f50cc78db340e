"""A forecast for people: a line for each thing that a sweep costs."""

from __future__ import annotations

from rich.console import Console

from seqsweep.results.views import formats, layout
from seqsweep.results.views.formats import duration, size
from seqsweep.results.views.terminal import Text
from seqsweep.sweeps.forecast.forecast import Forecast
from seqsweep.sweeps.forecast.memory import Memory
from seqsweep.sweeps.resources import Nodes


def render(data: Forecast, console: Console) -> None:
    """Print it, wrapped to the console's width."""
    grid = layout.table([("", "<"), ("", "wrap")])
    grid.show_header = False
    for name, parts in _lines(data):
        grid.add_row(Text(name, style="dim"), Text.assemble(*parts))
    console.print(Text(data.name, style="bold"), highlight=False)
    console.print(grid, highlight=False)


Parts = list[str | tuple[str, str]]


def _lines(data: Forecast) -> list[tuple[str, Parts]]:
    share = f"{formats.plural(data.cpus_per_trial, 'core')}"
    if data.gpus_per_trial:
        share += f" and {data.gpus_per_trial:g} GPU"
    places = f"{formats.plural(data.at_a_time, 'trial')} at a time ({share} each"
    if data.per_gpu:
        places += f", {data.per_gpu} share a GPU"
    if data.max_concurrent and data.at_a_time == data.max_concurrent:
        places += "; max_concurrent"
    sure = (
        ""
        if data.earliest is None
        else f"; {duration(data.earliest)} if every model stops as early as it may"
    )
    likely: Parts = [
        (f"about {duration(data.seconds)}", "bold"),
        f" ({duration(data.low)} - {duration(data.high)}) where every model runs all its epochs, on {_idle(data)}{sure}",
    ]
    hours = f"{data.core_hours:.3g} core-hours"
    busy = "cores"
    if data.gpus_per_trial:
        hours, busy = f"{data.gpu_hours:.3g} GPU-hours, {hours}", "GPUs"
    advice = data.advice.words
    if data.advice.cpus_per_trial is not None:
        advice += f"; cpus_per_trial = {data.advice.cpus_per_trial} would take about {duration(data.advice.seconds)}"
    tables = ", ".join(f"{name} {size(data.parquet[name])}" for name in data.parquet)
    shared = ", ".join(f"{name} {size(count)}" for name, count in data.object_store.items())
    lines: list[tuple[str, Parts]] = [
        (
            "trials",
            [
                f"{formats.plural(data.trials, 'trial')} of {formats.plural(data.lanes, 'model')} = "
                f"{formats.plural(data.models, 'model')} on {', '.join(data.datasets)}; {data.backend} backend"
            ],
        ),
        *_chosen(data),
        ("nodes", [f"{_nodes(data.nodes, bool(data.gpus_per_trial))}: {places})"]),
        ("time", likely),
        ("cost", [f"{hours}, {data.utilisation:.0%} of the {busy} busy"]),
        ("longest trial", [f"{data.longest}, {duration(data.longest_seconds)}"]),
        ("to end sooner", [advice]),
        ("memory", _memory(data.memory, data.lanes, "a node", checkpoint=True)),
    ]
    if data.gpu_memory:
        lines.append(
            ("on a GPU", ["by estimate, ", *_memory(data.gpu_memory, data.lanes, "a GPU", checkpoint=False)])
        )
    lines += [
        ("data", [f"{size(data.object_store_per_node)} in each node's object store, once: {shared}"]),
        (
            "store",
            [
                f"{size(data.parquet_bytes)} of Parquet ({tables}), {size(data.model_bytes)} of models, at most "
                f"{size(data.checkpoint_bytes)} of checkpoints"
            ],
        ),
        ("scheduling", [f"{duration(data.driver_seconds)} of the process that hands out the trials"]),
        ("speed", [_rates(data)]),
    ]
    several = len(data.datasets) > 1
    lines += [
        ("beware", [((f"{name}: " if several else "") + caution.text, "yellow")])
        for name, cautions in data.cautions.items()
        for caution in cautions
    ]
    lines += [("beware", [(caution.text, "yellow")]) for caution in data.search_cautions]
    return lines


def _chosen(data: Forecast) -> list[tuple[str, Parts]]:
    if data.chosen_candidates is None:
        return []
    words = f"candidates = {data.chosen_candidates} in the spec is the most that fits"
    return [("candidates", [words])]


def _nodes(nodes: Nodes, gpus: bool) -> str:
    memory = f"{size(nodes.memory)} memory"
    each = f"{formats.plural(nodes.count, 'node')} of {formats.plural(nodes.cpus, 'core')}, {memory}"
    return f"{each}, {formats.plural(nodes.gpus, 'GPU')}" if gpus else each


def _memory(memory: Memory, lanes: int, place: str, *, checkpoint: bool) -> Parts:
    parts = {
        "process": memory.process,
        "data": memory.data,
        "kept weights and predictions": memory.lanes,
        "parameters, gradients, moments": memory.training,
        "workspace": memory.workspace,
        "writing a checkpoint": memory.checkpoint if checkpoint else 0,
    }
    listed = ", ".join(f"{name} {size(count)}" for name, count in parts.items() if count)
    line: Parts = [f"{size(memory.total)} for the largest trial, {memory.trial} ({listed}); "]
    line.append(
        f"{memory.lanes_at_once} of {formats.plural(lanes, 'model')} at once; {size(memory.per_place)}"
    )
    if memory.available is None:
        return [*line, f" on {place}"]
    line.append(f" of {place}'s {size(memory.available)}")
    return line if memory.fits else [*line, (": does not fit", "bold red")]


def _idle(data: Forecast) -> str:
    """Say for which machines the time holds: what else runs there takes as much longer as it takes of them."""
    if data.load is None:
        return formats.plural(data.nodes.count, "idle machine") if data.nodes.count > 1 else "an idle machine"
    return f"an idle machine (load now {data.load:.1f})"


def _rates(data: Forecast) -> str:
    text = f"{formats.plural(data.rates_measured, 'rate')} of training measured"
    if data.rates_estimated:
        text += f", {data.rates_estimated} estimated from the nearest of these"
    return f"{text}; {data.rates}"
