"""Sound files as sequences: every kind the same numbers, odd ones refused with a way out, trained models read new ones."""

import io
import shutil
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import scipy.io.wavfile
import scipy.signal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqsweep.seqmodels.data.audio.extraction import extract
from seqsweep.seqmodels.data.audio.recipe import Recipe
from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.data.files import Files, list_files
from seqsweep.seqmodels.data.formats.audio import AUDIO, AudioOptions
from seqsweep.seqmodels.data.inputs import read_file
from seqsweep.seqmodels.data.registry import recognise
from seqsweep.seqmodels.data.source import collect, load
from seqsweep.seqmodels.data.splits import SplitRule
from seqsweep.seqmodels.testing.data_conformance import Data, FormatSuite

RATE = 8000
QUARTER = SplitRule(test=0.25)


def tone(pitch: float, seconds: float = 0.1, seed: int = 0) -> np.ndarray:
    """A tone in noise, 16 bits."""
    time = np.arange(int(RATE * seconds)) / RATE
    noise = np.random.default_rng(seed).standard_normal(len(time))
    return (8000 * np.sin(2 * np.pi * pitch * time) + 500 * noise).astype(np.int16)


def write(path: Path, samples: np.ndarray, rate: int = RATE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.wavfile.write(path, rate, samples)


def two_classes(root: Path, name: str = "{label}/{number}.wav") -> None:
    for label, pitch in (("high", 1500), ("low", 300)):
        for number in range(6):
            write(
                root / name.format(label=label, number=number, speaker="xyz"[number % 3]),
                tone(pitch, seed=number),
            )


class TestAudio(FormatSuite):
    """A token is two samples of a millisecond each: what is written comes back as it was."""

    format = AUDIO
    asked: ClassVar[Mapping[str, Any]] = {"features": "raw", "frame_length": 2.0, "frame_shift": 2.0}

    def write(self, root: Path, data: Data) -> None:
        for (name, part), sequences in data.items():
            for number, values in enumerate(sequences):
                write(root / name / part / f"{number}.wav", values.ravel(), 1000)

    def test_unlike_columns_are_refused(self, tmp_path: Path) -> None:
        """They have none; sample rates stand for them."""
        two_classes(tmp_path)
        write(tmp_path / "low/6.wav", tone(300), 16000)
        with pytest.raises(
            DataError, match=r"low/6.wav: has 16,000 Hz, but must have 8,000 Hz as the others"
        ):
            collect({"path": str(tmp_path)})


def test_folders_by_class_work_without_options(tmp_path: Path) -> None:
    two_classes(tmp_path)
    found, form, options = collect({"path": str(tmp_path)})
    assert form is AUDIO
    assert isinstance(options, AudioOptions)
    assert (options.label, options.sample_rate, options.resample) == (-1, RATE, False)
    assert found.labels == ["high"] * 6 + ["low"] * 6
    wanted = extract(tone(300, seed=3) / 32768, RATE, Recipe())
    np.testing.assert_array_equal(found.sequences[9], wanted)
    assert found.sequences[9].dtype == np.float32
    assert "12 sound file(s) such as high/0.wav, which is WAV" in found.notes[0]
    assert any("files must have the 8,000 Hz" in note for note in found.notes)


def test_a_flat_folder_works_without_options(tmp_path: Path) -> None:
    two_classes(tmp_path, "{label}_{speaker}_{number}.wav")
    read = load({"path": str(tmp_path), "group": "^[a-z]+_([a-z]+)_"}, rule=QUARTER)
    assert read.class_names == ("high", "low")
    assert read.group is not None
    assert len(set(read.group.tolist())) == 3
    assert read.feature_count == 13


@pytest.mark.parametrize("ending", [".zip", ".tar", ".tar.gz"])
def test_an_archive_is_the_folder(ending: str, tmp_path: Path) -> None:
    two_classes(tmp_path / "set")
    packed = tmp_path / f"packed{ending}"
    if ending == ".zip":
        with zipfile.ZipFile(packed, "w") as archive:
            for file in sorted((tmp_path / "set").rglob("*.wav")):
                archive.write(file, file.relative_to(tmp_path))
    else:
        with tarfile.open(packed, "w:gz" if ending.endswith("gz") else "w") as other:
            other.add(tmp_path / "set", "set")
    options = {"name": "set", "features": "fbank", "deltas": 1}
    one, two = (load({"path": str(each), **options}, rule=QUARTER) for each in (tmp_path / "set", packed))
    assert one.fingerprint == two.fingerprint
    assert one.feature_count == 46


def test_every_kind_has_the_same_numbers(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    samples = tone(700)
    write(tmp_path / "x.wav", samples)
    (wanted,) = read_file(tmp_path / "x.wav", "audio", AudioOptions())
    for ending in ("flac", "aiff", "aifc", "au", "sph"):
        kind = {"sph": "NIST", "aifc": "AIFF"}.get(ending, ending.upper())
        soundfile.write(tmp_path / f"x.{ending}", samples, RATE, format=kind, subtype="PCM_16")
        (found,) = read_file(tmp_path / f"x.{ending}", "audio", AudioOptions())
        np.testing.assert_array_equal(found.values, wanted.values, ending)  # type: ignore[union-attr]
    shutil.copy(tmp_path / "x.sph", tmp_path / "timit.WAV")  # as TIMIT names them
    (found,) = read_file(tmp_path / "timit.WAV", "audio", AudioOptions())
    np.testing.assert_array_equal(found.values, wanted.values)  # type: ignore[union-attr]


def test_right_values_of_real_files(real_data: Path) -> None:
    pytest.importorskip("soundfile")
    raw = AudioOptions(features="raw", frame_length=10.0, frame_shift=10.0, channel=1)

    def frames(name: str) -> np.ndarray:
        (found,) = read_file(real_data / "formats" / name, "audio", raw)
        return found.values  # type: ignore[union-attr]

    speech = frames("flac/2412-153948-0001.flac") * 32768
    assert speech.shape == (1051, 160)
    assert (speech[0, 0], speech[-1, -1], np.abs(speech).max()) == (128, -45, 31765)
    assert np.abs(frames("flac/38 - 3 channels (3.0).flac")).max() * 32768 <= 11961
    music = frames("ogg/test_audio.ogg").ravel()
    assert len(music) == 229_021 // 441 * 441
    assert music[100_000] == pytest.approx(0.0753, abs=1e-4)
    assert (frames("sphere/stereo.sph").ravel() * 32768).tolist() == list(range(8000, 16000))
    for name, first in (
        ("aiff/pluck-pcm8.aiff", 2 / 128),
        ("aiff/pluck-pcm16.aiff", 558 / 32768),
        ("aiff/pluck-pcm24.aiff", 142693 / (1 << 23)),
        ("aiff/pluck-alaw.aifc", 560 / 32768),
        ("aiff/pluck-ulaw.au", 556 / 32768),
        ("aiff/pluck-pcm16.au", 558 / 32768),
        ("wav/pluck-pcm8.wav", 2 / 128),
    ):
        assert frames(name).shape == (30, 110)
        assert frames(name)[0, 0] == np.float32(first), name
    with pytest.raises(DataError, match=r"106-invalid-streaminfo.flac: is a damaged FLAC file"):
        AUDIO.read_one(list_files(real_data / "formats/flac"), "106-invalid-streaminfo.flac", AudioOptions())
    with pytest.raises(DataError, match=r"no-tags.flac: is silent: all its 162,496 samples are 0"):
        AUDIO.read_one(list_files(real_data / "formats/flac"), "no-tags.flac", AudioOptions(channel="mean"))


def test_real_words_are_labelled_by_their_names(real_data: Path) -> None:
    folder = real_data / "formats/wav/micro_speech"
    found, _, _ = collect({"path": str(folder), "label": "^([a-z]+)_"})
    assert found.labels == ["no", "no", "noise", "silence", "yes", "yes"]
    assert [len(each) for each in found.sequences] == [98, 1, 98, 98, 98, 1]


def test_real_files_are_recognised(real_data: Path) -> None:
    for name in ("wav", "wav/micro_speech", "flac", "ogg", "aiff", "sphere"):
        assert recognise(list_files(real_data / "formats" / name))[0] is AUDIO
    (other,) = (real_data / "formats/wav").glob("mono_c0.wav")
    assert recognise(list_files(other))[0] is AUDIO


def test_other_rates_are_resampled_where_asked(tmp_path: Path) -> None:
    two_classes(tmp_path)
    write(tmp_path / "low/6.wav", samples := tone(300), 16000)
    found, _, options = collect({"path": str(tmp_path), "sample_rate": RATE})
    assert isinstance(options, AudioOptions)
    assert options.resample is True
    wanted = extract(scipy.signal.resample_poly(samples / 32768, 1, 2), RATE, Recipe())
    np.testing.assert_array_equal(found.sequences[-1], wanted)
    # a model that was trained on one rate says what to do of another
    (fault,) = read_file(tmp_path / "low/6.wav", "audio", AudioOptions(sample_rate=RATE, resample=False))
    assert "read all of the data set by `sample_rate = 8000`, which does so" in str(fault)
    (far,) = read_file(tmp_path / "low/6.wav", "audio", AudioOptions(sample_rate=15_999, resample=True))
    assert "of which 15,999 Hz is 15,999/16,000: resample it by other means" in str(far)


def test_channels_are_chosen(tmp_path: Path) -> None:
    left, right = tone(300), tone(1500)
    write(tmp_path / "x.wav", np.stack([left, right], axis=1))
    options = {"features": "raw", "frame_length": 10.0, "frame_shift": 10.0}

    def values(channel: Any) -> Any:
        (found,) = read_file(tmp_path / "x.wav", "audio", AudioOptions(**options, channel=channel))
        return found.values.ravel() * 32768 if hasattr(found, "values") else str(found)

    np.testing.assert_array_equal(values(1), left)
    np.testing.assert_array_equal(values(2), right)
    np.testing.assert_array_equal(values("mean"), (left.astype(float) + right) / 2)
    assert "has 2 channels: say by `channel` which" in values(None)
    assert "has 2 channel(s), so there is none for `channel = 3`" in values(3)
    two_classes(tmp_path / "set")
    write(tmp_path / "set/low/6.wav", np.stack([left, right], axis=1))
    _, _, found = collect({"path": str(tmp_path / "set")})
    assert found.channel == "mean"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("samples", "rule"),
    [
        (np.zeros(800, np.int16), "is silent: all its 800 samples are 0"),
        (tone(300, 0.02), r"is too short: its 160 samples \(20 ms\) are less than a frame of 25 ms"),
        (np.zeros(0, np.int16), "has no samples"),
        (np.full(800, np.nan, np.float32), "has 800 samples that are not finite"),
    ],
)
def test_what_has_nothing_to_hear_is_refused(samples: np.ndarray, rule: str, tmp_path: Path) -> None:
    two_classes(tmp_path)
    write(tmp_path / "low/3.wav", samples)
    write(tmp_path / "low/4.wav", samples)
    with pytest.raises(DataError, match=rule) as caught:
        collect({"path": str(tmp_path)})
    assert [problem.where for problem in caught.value.problems] == [
        str(tmp_path / f"low/{n}.wav") for n in (3, 4)
    ]


def test_silence_may_be_a_class(tmp_path: Path) -> None:
    two_classes(tmp_path)
    write(tmp_path / "low/3.wav", np.zeros(800, np.int16))
    found, _, _ = collect({"path": str(tmp_path), "silence": True})
    assert np.isfinite(found.sequences[9]).all()


def test_without_the_extra_it_says_what_to_install(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soundfile", None)
    files = list_files(real_data / "formats/flac")
    with pytest.raises(
        DataError, match=r"is a FLAC file, which the extra `audio` reads \(pip install '.\[audio\]'"
    ):
        AUDIO.read_one(files, "2412-153948-0001.flac", AudioOptions())
    AUDIO.read_one(list_files(real_data / "formats/wav"), "mono_c0.wav", AudioOptions())


def test_parameters_that_do_not_go_together_are_one_problem(tmp_path: Path) -> None:
    two_classes(tmp_path)
    with pytest.raises(DataError, match="data set: `num_ceps` is 24, but must be at most"):
        collect({"path": str(tmp_path), "num_ceps": 24})


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    for kind, subtype in (("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("WAV", "FLOAT")):
        soundfile.write(file := io.BytesIO(), tone(300, 1.0), RATE, format=kind, subtype=subtype)
        cut = file.getvalue()[: len(file.getvalue()) // 2]
        with pytest.raises(DataError):
            AUDIO.read_one(Files("set", "/", {"x": cut}, frozenset({""})), "x", AudioOptions())


@cache
def some_files() -> tuple[bytes, ...]:
    """A small file of each kind."""
    soundfile = pytest.importorskip("soundfile")
    found = []
    for kind, subtype in (
        ("WAV", "PCM_24"),
        ("WAV", "DOUBLE"),
        ("FLAC", "PCM_16"),
        ("AIFF", "PCM_24"),
        ("AU", "ULAW"),
        ("NIST", "PCM_16"),
        ("OGG", "VORBIS"),
    ):
        soundfile.write(file := io.BytesIO(), tone(300), RATE, format=kind, subtype=subtype)
        found.append(file.getvalue())
    return tuple(found)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_hostile_files_are_refused_or_read(data: st.DataObject) -> None:
    good = bytearray(some_files()[data.draw(st.integers(0, 6))])
    for _ in range(data.draw(st.integers(0, 8))):
        place = data.draw(st.integers(0, min(len(good), 200) - 1) | st.integers(0, len(good) - 1))
        good[place] = data.draw(st.sampled_from([0, 1, 127, 128, 255]) | st.integers(0, 255))
    content = bytes(good[: data.draw(st.just(len(good)) | st.integers(0, len(good)))])
    files = Files("set", "/", {"x.wav": content}, frozenset({""}))
    try:
        found = AUDIO.read_one(files, "x.wav", AudioOptions(channel="mean")).values
    except DataError as error:
        named = {problem.where for problem in error.problems}
    else:
        assert found.ndim == 2
        assert np.isfinite(found).all()
        named = {"set/x.wav"}
    assert named == {"set/x.wav"}
