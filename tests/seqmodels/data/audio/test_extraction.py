"""Features of sound: Kaldi's numbers over many settings, scipy's transform and regression, and HTK's own deltas."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.fft
import scipy.signal

from seqsweep.seqmodels.data.audio.extraction import cosines, extract, mel_bank, with_deltas
from seqsweep.seqmodels.data.audio.frames import Framing, cut
from seqsweep.seqmodels.data.audio.recipe import Recipe
from seqsweep.seqmodels.data.audio.sound import SoundError

RATES = (8000, 11025, 16000, 44100)
SETTINGS: list[dict[str, Any]] = [
    {},
    {"use_energy": False},
    {"raw_energy": False},
    {"energy_floor": 1e9},
    {"htk_compat": True},
    {"htk_compat": True, "use_energy": False},
    {"htk_mode": True},
    {"htk_mode": True, "low_freq": 0.0},
    {"cepstral_lifter": 0.0},
    {"cepstral_lifter": 30.0, "num_mel_bins": 40, "num_ceps": 40, "frame_length": 40.0},
    {"num_mel_bins": 26, "num_ceps": 20, "high_freq": -400.0, "low_freq": 60.0},
    {"high_freq": 3700.0},
    {"snip_edges": False},
    {"snip_edges": False, "frame_length": 32.0, "frame_shift": 12.5},
    {"frame_length": 32.0, "frame_shift": 16.0, "round_to_power_of_two": False},
    {"remove_dc_offset": False},
    {"preemphasis_coefficient": 0.0},
    *({"window_type": name} for name in ("hamming", "hanning", "blackman", "rectangular")),
    {"features": "fbank"},
    {"features": "fbank", "num_mel_bins": 40, "frame_length": 50.0},
    {"features": "fbank", "use_energy": True},
    {"features": "fbank", "use_energy": True, "htk_compat": True, "raw_energy": False},
]


def sound(rate: int, seconds: float = 0.4) -> np.ndarray:
    """Noise over a falling tone, louder and louder."""
    draw = np.random.default_rng(7)
    time = np.arange(int(rate * seconds)) / rate
    wave = (
        np.sin(2 * np.pi * (900 - 700 * time) * time) + 0.1 * draw.standard_normal(len(time))
    ) * time + 0.01
    return np.round(wave / np.abs(wave).max() * 30_000) / 32768


def by_kaldi(samples: np.ndarray, rate: int, recipe: Recipe) -> np.ndarray:
    kaldi = pytest.importorskip("kaldi_native_fbank")
    cepstra = recipe.features == "mfcc"
    options = kaldi.MfccOptions() if cepstra else kaldi.FbankOptions()
    framing, filters = options.frame_opts, options.mel_opts
    framing.samp_freq, framing.dither = rate, 0
    framing.frame_shift_ms, framing.frame_length_ms = recipe.frame_shift, recipe.frame_length
    framing.preemph_coeff, framing.remove_dc_offset = recipe.preemphasis_coefficient, recipe.remove_dc_offset
    framing.window_type, framing.snip_edges = recipe.window_type, recipe.snip_edges
    framing.round_to_power_of_two = recipe.round_to_power_of_two
    filters.num_bins, filters.low_freq, filters.high_freq = (
        recipe.num_mel_bins,
        recipe.low_freq,
        recipe.high_freq,
    )
    filters.htk_mode = recipe.htk_mode
    options.use_energy, options.raw_energy = recipe.energy, recipe.raw_energy
    options.energy_floor, options.htk_compat = recipe.energy_floor, recipe.htk_compat
    if cepstra:
        options.num_ceps, options.cepstral_lifter = recipe.num_ceps, recipe.cepstral_lifter
    engine = (kaldi.OnlineMfcc if cepstra else kaldi.OnlineFbank)(options)
    engine.accept_waveform(rate, (samples * 32768).tolist())
    engine.input_finished()
    return np.stack([engine.get_frame(place) for place in range(engine.num_frames_ready)])


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: " ".join(setting) or "none")
def test_the_numbers_are_kaldis(setting: dict[str, Any], rate: int) -> None:
    recipe, samples = Recipe(**setting), sound(rate)
    if not recipe.round_to_power_of_two and int(rate * 0.001 * recipe.frame_length) % 2:
        pytest.skip("kaldi has no Fourier transform of odd length")
    found = extract(samples, rate, recipe)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, by_kaldi(samples, rate, recipe), rtol=1e-4, atol=2e-3)


def test_real_speech_is_kaldis(real_data: Path) -> None:
    from seqsweep.seqmodels.data.audio.decoding import decode

    pytest.importorskip("soundfile")
    speech = decode((real_data / "formats/flac/2412-153948-0001.flac").read_bytes())
    samples = speech.mono(None)
    for recipe in (Recipe(), Recipe(features="fbank", num_mel_bins=80)):
        found, wanted = extract(samples, speech.rate, recipe), by_kaldi(samples, speech.rate, recipe)
        assert len(found) == 1 + (168_160 - 400) // 160
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=2e-3)


@pytest.mark.parametrize("htk", [False, True])
def test_deltas_are_regressions(htk: bool) -> None:
    features = np.random.default_rng(1).normal(size=(30, 3))
    found = with_deltas(features, Recipe(deltas=2, htk_compat=htk))
    first = scipy.signal.savgol_filter(features, 5, 1, deriv=1, axis=0, mode="nearest")
    np.testing.assert_allclose(found[:, :3], features)
    np.testing.assert_allclose(found[:, 3:6], first, atol=1e-12)
    second = scipy.signal.savgol_filter(first, 5, 1, deriv=1, axis=0, mode="nearest")
    inner = slice(None) if htk else slice(2, -2)  # Kaldi's differ at the ends
    np.testing.assert_allclose(found[inner, 6:], second[inner], atol=1e-12)
    assert with_deltas(features, Recipe(deltas=1)).shape == (30, 6)
    assert with_deltas(features[:1], Recipe(deltas=2)).shape == (1, 9)


@pytest.mark.parametrize("name", ["fea_htk.1", "fea_htk.2"])
def test_deltas_are_htks_own(name: str, real_data: Path) -> None:
    data = (real_data / f"formats/htk/test.wav.{name}").read_bytes()
    written = np.frombuffer(data, ">f4", offset=12).reshape(142, 39)
    found = with_deltas(written[:, :13].astype(float), Recipe(deltas=2, htk_compat=True))
    np.testing.assert_allclose(found, written, atol=1e-5)


@pytest.mark.parametrize("edges", [True, False])
def test_raw_frames_are_the_samples(edges: bool) -> None:
    samples = np.arange(100.0)
    recipe = Recipe(features="raw", frame_length=5.0, frame_shift=3.0, snip_edges=edges)
    found = extract(samples, 1000, recipe)
    if edges:
        assert found.tolist() == [list(range(first, first + 5)) for first in range(0, 96, 3)]
    else:
        assert found[0].tolist() == [0, 0, 1, 2, 3]  # begins a sample before the first, which is its mirror
        assert found[1].tolist() == [2, 3, 4, 5, 6]
        assert len(found) == 33


def test_long_sound_is_done_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = extract(sound(16000), 16000, Recipe(deltas=2))
    monkeypatch.setattr("seqsweep.seqmodels.data.audio.frames.NUMBERS_AT_ONCE", 3 * 512)
    np.testing.assert_array_equal(extract(sound(16000), 16000, Recipe(deltas=2)), whole)
    framing = Framing.of(Recipe(), 16000, 6400)
    assert max(len(each) for each in cut(sound(16000), framing, Recipe())) == 3


def test_dither_is_the_same_each_time() -> None:
    silent = np.zeros(4000)
    one, two = (extract(silent, 16000, Recipe(dither=1.0)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert one.std() > 0.1
    assert np.isfinite(extract(silent, 16000, Recipe())).all()


@pytest.mark.parametrize(
    ("setting", "rule"),
    [
        ({"frame_length": 500.0}, r"too short: its 6,400 samples \(400 ms\) are less than a frame of 500 ms"),
        ({"frame_length": 9000.0}, "come to 144,000 and 160 samples at 16,000 Hz, but must be 1 to 65,536"),
        ({"frame_shift": 0.01}, "come to 400 and 0 samples"),
        ({"high_freq": 8001.0}, "filters must lie between 0 and 8000 Hz"),
        ({"low_freq": 8000.0}, "`low_freq` = 8000"),
        ({"high_freq": -8000.0}, "`high_freq` = -8000"),
        ({"num_mel_bins": 400}, "some filters have no frequency in them"),
        ({"num_ceps": 24}, "`num_ceps` is 24, but must be at most `num_mel_bins`, 23"),
    ],
)
def test_what_cannot_be_computed_is_said(setting: dict[str, Any], rule: str) -> None:
    with pytest.raises(SoundError, match=rule):
        extract(sound(16000), 16000, Recipe(**setting))


def test_filters_cover_every_frequency_once() -> None:
    bank = mel_bank(Recipe(num_mel_bins=10), 16000, 512)
    inner = slice(bank[:, 0].argmax() + 1, bank[:, -1].argmax())  # between the outer centres
    np.testing.assert_allclose(bank[inner].sum(axis=1), 1, atol=1e-12)


@pytest.mark.parametrize(("bins", "ceps"), [(23, 13), (3, 3), (40, 1)])
def test_the_cosines_are_scipys(bins: int, ceps: int) -> None:
    values = np.random.default_rng(0).normal(size=(5, bins))
    np.testing.assert_allclose(
        values @ cosines(bins, ceps), scipy.fft.dct(values, norm="ortho")[:, :ceps], atol=1e-12
    )
