"""A store that several verbs are tested on."""

from pathlib import Path

import pytest


@pytest.fixture(scope="package")
def trained_store(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`letters-0a1b2c`: two architectures on real strokes; `both-3d4e5f`: one on two data sets."""
    from tests.support.trained import letters, train

    place = tmp_path_factory.mktemp("trained")
    shared = {
        "seeds": 2,
        "final_seeds": 0,
        "hyperparameters": {"lr": 1e-2},
        "training": {"epochs": 2, "refit": True},
    }
    axes = {"cell": ["rnn_tanh", "gru"], "hidden": 8, "readout": "last+max", "bidirectional": True}
    train(
        {"name": "letters", "datasets": [letters(real_data)], "architecture": axes, **shared},
        place,
        "letters-0a1b2c",
    )
    vowels = {"path": str(real_data / "japanese-vowels"), "format": "ts", "name": "vowels"}
    both = {
        "name": "both",
        "datasets": ["handwriting", vowels],
        "architecture": {"cell": "lstm", "hidden": 4},
    }
    train({**both, **shared}, place, "both-3d4e5f")
    return place
