"""From files of a format to a verdict and a model that reads new ones, as a newcomer types it."""

import json
import struct
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io.wavfile

from seqsweep.sweeps import starting
from seqsweep.sweeps.cli.app import main
from seqsweep.sweeps.forecast import measuring
from tests.support.trained import plainly_exported, train

CLASSES = ("down", "up")
EACH = 12
SMALL = starting.Size(("gru",), (1,), hidden=8, candidates=1, seeds=2, epochs=3)


def wave(label: str, number: int) -> np.ndarray:
    """A tone that rises or falls, with noise."""
    draw = np.random.default_rng(number)
    time = np.linspace(0, 1, 900 + 40 * number)
    pitch = np.cumsum(300 + 900 * (time if label == "up" else 1 - time)) / 8000
    return (9000 * np.sin(2 * np.pi * pitch) + 500 * draw.standard_normal(len(time))).astype(np.int16)


def frames(label: str, number: int) -> np.ndarray:
    """Three features of which one rises or falls."""
    draw = np.random.default_rng(number)
    found = draw.standard_normal((8 + number, 3)).astype(np.float32)
    found[:, 0] += np.linspace(-3, 3, len(found)) * (1 if label == "up" else -1)
    return found


def audio(folder: Path) -> list[Path]:
    for label in CLASSES:
        for number in range(EACH):
            scipy.io.wavfile.write(folder / f"{label}_{number}.wav", 8000, wave(label, number))
    return [folder / "down_3.wav", folder / "up_5.wav"]


def htk(folder: Path) -> list[Path]:
    for label in CLASSES:
        (folder / label).mkdir()
        for number in range(EACH):
            values = frames(label, number)
            content = struct.pack(">iihH", len(values), 100_000, 12, 9) + values.astype(">f4").tobytes()
            (folder / label / f"{number}.mfc").write_bytes(content)
    return [folder / "down/3.mfc", folder / "up/5.mfc"]


def kaldi(folder: Path) -> list[Path]:
    lines = {"feats.scp": "", "utt2label": "", "utt2spk": ""}
    with (folder / "raw.ark").open("wb") as ark:
        for label in CLASSES:
            for number in range(EACH):
                values, key = frames(label, number), f"{label}{number}"
                ark.write(f"{key} ".encode())
                lines["feats.scp"] += f"{key} /elsewhere/raw.ark:{ark.tell()}\n"
                lines["utt2label"] += f"{key} {label}\n"
                lines["utt2spk"] += f"{key} s{number % 6}\n"
                ark.write(b"\0BFM " + struct.pack("<bibi", 4, len(values), 4, 3) + values.tobytes())
    for name, text in lines.items():
        (folder / name).write_text(text)
    return [folder / "feats.scp", folder / "raw.ark"]


@pytest.mark.parametrize("write", [audio, htk, kaldi], ids=lambda each: each.__name__)
def test_a_newcomer_gets_a_verdict_and_a_model(
    write: Callable[[Path], list[Path]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(measuring, "BUDGET_SECONDS", 0.2)
    monkeypatch.setattr(starting, "SIZES", (SMALL,))
    plainly_exported(monkeypatch)

    def said(*arguments: str) -> Any:
        assert main([*arguments, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    Path("set").mkdir()
    new = [str(each) for each in write(Path("set"))]
    checked = said("data", "check", "set")
    assert write.__name__ in json.dumps(checked)
    assert said("init", "set")["spec"] == "sweep.toml"
    train(tomllib.loads(Path("sweep.toml").read_text()), Path("runs"), "set-000000")
    assert said("show", "--store", "runs")
    said("export-model", "--store", "runs", "-o", "model")
    assert main(["predict", "model", *new, "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(found) == (2 if write is not kaldi else 4 * EACH)
    assert {each["class"] for each in found} <= set(CLASSES)
