"""WAV files: scipy's numbers where scipy reads them, the right values of real files, and a clear word about damaged ones."""

import io
import struct
import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy.io.wavfile
from hypothesis import given, settings
from hypothesis import strategies as st

from seqsweep.seqmodels.data.audio.sound import SoundError
from seqsweep.seqmodels.data.audio.wav import read_wav

RATE = 8000


def chunk(name: bytes, content: bytes, order: str = "<", size: int | None = None) -> bytes:
    said = len(content) if size is None else size
    return name + struct.pack(f"{order}I", said) + content + b"\0" * (len(content) % 2)


def coding(code: int, channels: int, width: int, order: str = "<", bits: int | None = None) -> bytes:
    block = channels * width
    return struct.pack(f"{order}HHIIHH", code, channels, RATE, RATE * block, block, bits or 8 * width)


def wav(*chunks: bytes, magic: bytes = b"RIFF") -> bytes:
    content = b"WAVE" + b"".join(chunks)
    order = ">" if magic == b"RIFX" else "<"
    return magic + struct.pack(f"{order}I", len(content)) + content


def by_scipy(data: bytes) -> tuple[int, np.ndarray]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rate, samples = scipy.io.wavfile.read(io.BytesIO(data))
    return rate, samples.reshape(len(samples), -1)


@pytest.mark.parametrize("kind", ["u1", "<i2", "<i4", "<f4", "<f8"])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_what_scipy_writes(kind: str, channels: int) -> None:
    draw = np.random.default_rng(0)
    samples = draw.uniform(0, 250, (77, channels)).astype(kind)
    scipy.io.wavfile.write(file := io.BytesIO(), RATE, samples)
    found = read_wav(file.getvalue())
    assert found.rate == RATE
    shift = 128 if kind == "u1" else 0
    np.testing.assert_array_equal(found.samples, samples.astype("f8") - shift)
    assert found.full == {"u1": 128, "<i2": 1 << 15, "<i4": 1 << 31}.get(kind, 1)


def test_real_files_are_read_as_scipy_reads_them(real_data: Path) -> None:
    read = 0
    for path in sorted((real_data / "formats/wav").rglob("*.wav")):
        if path.name in ("bad.wav", "null.wav") or "ulaw" in path.name or "early-eof" in path.name:
            continue
        found, (rate, samples) = read_wav(data := path.read_bytes()), by_scipy(data)
        assert found.rate == rate, path.name
        if samples.dtype == np.uint8:
            samples = samples.astype(int) - 128
        if "24bit" in path.name:
            samples = samples >> 8  # scipy shifts them to the left
        np.testing.assert_array_equal(found.samples, samples, path.name)
        read += 1
    assert read == 17


def test_right_values_of_real_files(real_data: Path) -> None:
    folder = real_data / "formats/wav"

    def samples(name: str) -> np.ndarray:
        return read_wav((folder / name).read_bytes()).samples

    assert samples("test-8000Hz-le-1ch-1byte-ulaw.wav").ravel().tolist() == [
        0, 20860, 29052, 20860, 0, -20860, -29052, -20860, 0,
    ]  # fmt: skip
    for order in ("le", "be"):
        wide = samples(f"test-44100Hz-{order}-1ch-4bytes.wav")
        assert (len(wide), wide[0, 0], wide[-1, 0]) == (4410, 9538171, -212242929)
        three = samples(f"test-8000Hz-{order}-3ch-5S-24bit.wav")
        assert three[0].tolist() == [-8388608, -8388607, -2]
        assert three[-1].tolist() == [8388607, 8388607, 2]
        assert samples(f"test-44100Hz-2ch-32bit-float-{order}.wav")[-1, 0] == pytest.approx(0.5098514)
    assert samples("test-48000Hz-2ch-64bit-float-le-wavex.wav")[-1, 0] == pytest.approx(0.5067047)
    assert samples("mono_c0.wav").ravel().tolist() == list(range(4000))
    assert samples("stereo.wav")[[0, -1]].tolist() == [[8000, 16000], [15999, 23999]]
    assert samples("pluck-pcm8.wav")[0].tolist() == [2, -1]
    assert samples("test-8000Hz-le-2ch-1byteu.wav")[[0, -1]].tolist() == [[8, 8], [-61, -62]]
    assert samples("micro_speech/yes_1000ms.wav").sum() == 15_940


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        (
            "test-44100Hz-le-1ch-4bytes-early-eof.wav",
            "cut off: its samples should have 17,640 bytes, but 944",
        ),
        ("null.wav", "has no samples"),
        ("bad.wav", "its chunk `fmt ` says 1,717,986,918 bytes, but 24 are left"),
    ],
)
def test_damaged_real_files_are_refused(name: str, rule: str, real_data: Path) -> None:
    with pytest.raises(SoundError, match=rule):
        read_wav((real_data / "formats/wav" / name).read_bytes())


def test_both_laws_are_soundfiles() -> None:
    soundfile = pytest.importorskip("soundfile")
    codes = bytes(range(256))
    for code, subtype in ((7, "ULAW"), (6, "ALAW")):
        data = wav(chunk(b"fmt ", coding(code, 1, 1)), chunk(b"data", codes))
        raw = io.BytesIO(codes)
        wanted, _ = soundfile.read(
            raw, format="RAW", subtype=subtype, samplerate=RATE, channels=1, dtype="int16"
        )
        assert read_wav(data).samples.ravel().tolist() == wanted.tolist()


def test_chunks_of_odd_length_and_unknown_ones_are_stepped_over() -> None:
    data = wav(
        chunk(b"LIST", b"odd"),
        chunk(b"fmt ", coding(1, 1, 2)),
        chunk(b"abcd", b"x"),
        chunk(b"data", b"\1\0\2\0"),
    )
    assert read_wav(data).samples.tolist() == [[1], [2]]
    np.testing.assert_array_equal(by_scipy(data)[1], [[1], [2]])


def test_rf64_has_its_size_elsewhere() -> None:
    long_size = chunk(b"ds64", struct.pack("<QQQI", 99, 4, 2, 0))
    coded = chunk(b"fmt ", coding(1, 1, 2))
    data = wav(long_size, coded, chunk(b"data", b"\1\0\2\0rest", size=0xFFFFFFFF), magic=b"RF64")
    assert read_wav(data).samples.tolist() == [[1], [2]]
    unknown = wav(coded, chunk(b"data", b"\1\0\2\0\3\0", size=0xFFFFFFFF))  # as a stream's writer leaves it
    assert read_wav(unknown).samples.tolist() == [[1], [2], [3]]


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (wav(chunk(b"data", b"\1\0")), "samples before the `fmt ` chunk"),
        (wav(chunk(b"fmt ", coding(1, 1, 2))), "has no `data` chunk"),
        (wav(), "has no `fmt ` chunk"),
        (wav(chunk(b"fmt ", b"short")), "has 5 bytes, but must have at least 16"),
        (wav(chunk(b"fmt ", coding(85, 1, 1)), chunk(b"data", b"\1")), "is written as MP3"),
        (wav(chunk(b"fmt ", coding(0xFFFE, 1, 2)), chunk(b"data", b"\1")), "must have at least 40"),
        (wav(chunk(b"fmt ", coding(1, 0, 2)), chunk(b"data", b"\1\0")), "0 channel"),
        (
            wav(chunk(b"fmt ", coding(1, 1, 9)), chunk(b"data", bytes(10))),
            "have 8, 16, 24, 32, 40, 48, 56, 64 bits",
        ),
        (
            wav(chunk(b"fmt ", coding(3, 1, 2)), chunk(b"data", bytes(10))),
            "samples of format 3 have 32, 64 bits",
        ),
        (wav(chunk(b"fmt ", coding(1, 1, 2, bits=24)), chunk(b"data", bytes(10))), "24 bits and 2 bytes"),
        (wav(chunk(b"fmt ", coding(1, 2, 2)), chunk(b"data", bytes(6))), "no multiple of 4"),
        (wav(chunk(b"fmt ", coding(1, 1, 2)), chunk(b"data", bytes(6), size=8)), "cut off"),
        (b"RIFF1234AVI ", "is no WAV file"),
        (b"", "is no WAV file"),
    ],
)
def test_what_is_wrong_is_said(content: bytes, rule: str) -> None:
    with pytest.raises(SoundError, match=rule):
        read_wav(content)


@settings(max_examples=300)
@given(data=st.data())
def test_hostile_bytes_are_refused_or_read(data: st.DataObject) -> None:
    """A header says nothing that is not checked against the bytes that are there."""
    channels, width = data.draw(st.sampled_from([(1, 2), (2, 3), (3, 1), (1, 4)]))
    good = bytearray(
        wav(
            chunk(b"LIST", b"odd"),
            chunk(b"fmt ", coding(data.draw(st.sampled_from([1, 3, 6, 7])), channels, width)),
            chunk(b"data", bytes(range(1, 100))),
        )
    )
    for _ in range(data.draw(st.integers(0, 6))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    content = bytes(good[: data.draw(st.integers(0, len(good)))])
    try:
        found = read_wav(content)
    except SoundError:
        return
    assert 0 < found.samples.size <= len(content)
