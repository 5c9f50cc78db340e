"""`seqsweep export-model`: take the chosen model away."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seqsweep.sweeps.cli.options import (
    ArchitectureName,
    Json,
    StoreFolder,
    SweepName,
    console,
    find_sweep,
    note_cells,
)
from seqsweep.sweeps.store_option import DEFAULT_STORE

NAME = "export-model"
EXAMPLES = """\b
Examples:
  seqsweep export-model -o letters
  seqsweep export-model reference-7f3 --dataset syllables --architecture 'gru x 2 x 100' --seed 1 -o syllables
  seqsweep predict letters my/*.txt"""


def command(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="A new folder.")],
    sweep: SweepName = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset", metavar="NAME", help="Trained on this data set.", show_default="the only one"
        ),
    ] = None,
    architecture: ArchitectureName = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed", metavar="N", help="Trained from this seed.", show_default="the best on validation"
        ),
    ] = None,
    store: StoreFolder = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """Write a trained model into a folder that stands alone.

    Weights as safetensors, model.py in plain torch.nn, ONNX, a torch.export program, model.json and a model card. Each is read
    back and compared. Needs the extra `export`.
    """
    from seqsweep.results.analysis.chosen_model import chosen_model
    from seqsweep.results.views.exported import render
    from seqsweep.seqmodels.export.writing import check_place
    from seqsweep.sweeps.cli.printing import write_json

    check_place(out)  # before anything is read
    found = find_sweep(store, sweep)
    model = chosen_model(found, dataset, architecture, seed)
    note_cells([architecture], [(model.dataset, model.label)])
    from seqsweep.sweeps.models.export import export_model

    differences = export_model(found, model, out)
    if json:
        write_json({"folder": str(out), "model": model, "largest_difference": differences}, console())
    else:
        render(model, out, differences, console())
