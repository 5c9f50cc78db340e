"""The synthesiser and the features against scipy.signal, scipy.fft and direct formulas."""

import numpy as np
import pytest
from scipy.fft import dct
from scipy.signal import find_peaks, freqz_sos, lfilter, periodogram, savgol_filter, sosfilt

from seqsweep.seqmodels.data.generators import formants, mfcc, syllables
from seqsweep.seqmodels.data.generators.formants import BLOCK, RATE
from seqsweep.seqmodels.data.generators.streams import stream


@pytest.mark.parametrize(
    ("frequency", "bandwidth"), [(500.0, 60.0), (1500.0, 90.0), (2500.0, 120.0), (3800.0, 200.0)]
)
def test_a_resonator_peaks_where_it_was_asked_to(frequency, bandwidth):
    section = formants.resonator(frequency, bandwidth)[None]
    at, response = freqz_sos(section, worN=np.linspace(1, RATE / 2 - 1, 20_000), fs=RATE)
    gain = np.abs(response)
    assert at[gain.argmax()] == pytest.approx(frequency, abs=5)
    above = at[gain > gain.max() / np.sqrt(2)]
    assert above[-1] - above[0] == pytest.approx(bandwidth, rel=0.05)
    assert np.abs(freqz_sos(section, worN=[0.0], fs=RATE)[1]) == pytest.approx(1)


def test_a_cascade_with_constant_settings_is_one_filter():
    source = np.random.default_rng(0).standard_normal(10 * BLOCK)
    tracks = np.tile([500.0, 1500.0, 2500.0], (10, 1))
    expected = source
    for frequency in tracks[0]:
        section = formants.resonator(frequency, 80.0)
        expected = lfilter(section[:3], section[3:], expected)
    np.testing.assert_allclose(
        formants.cascade(source, tracks, np.full_like(tracks, 80.0)), expected, atol=1e-9
    )


def test_a_cascade_changes_its_settings_block_by_block_and_keeps_its_state():
    source = np.zeros(4 * BLOCK)
    source[0] = 1
    tracks = np.array([[500.0], [500.0], [2000.0], [2000.0]])
    output = formants.cascade(source, tracks, np.full_like(tracks, 50.0))
    first = sosfilt(formants.resonator(500.0, 50.0)[None], source)
    np.testing.assert_allclose(output[: 2 * BLOCK], first[: 2 * BLOCK])
    spectrum = np.abs(np.fft.rfft(output[2 * BLOCK :], 16_000))  # it rings on, at the new frequency
    assert spectrum.argmax() == pytest.approx(2000, abs=40)


def test_the_formants_of_a_vowel_are_found_in_its_spectrum():
    samples = RATE
    rough = 1 + 0.05 * stream(0, 9).standard_normal(samples)
    pulses = formants.glottal_pulses(np.full(samples, 100.0), rough)
    wanted = np.array([700.0, 1200.0, 2500.0])
    tracks = np.tile(wanted, (samples // BLOCK, 1))
    vowel = formants.cascade(pulses, tracks, np.tile([60.0, 80.0, 100.0], (len(tracks), 1)))
    at, power = periodogram(vowel, RATE, window="hann")
    source = periodogram(pulses, RATE, window="hann")[1]
    harmonics = np.arange(100, 3000, 100)
    index = np.searchsorted(at, harmonics)
    transfer = 10 * np.log10(power[index] / source[index])
    found = harmonics[find_peaks(transfer, prominence=3)[0]]
    np.testing.assert_allclose(found, wanted, atol=100)


def test_glottal_pulses_come_at_the_asked_pitch():
    pulses = formants.glottal_pulses(np.full(RATE, 125.0), np.ones(RATE))
    spectrum = np.abs(np.fft.rfft(pulses))
    assert find_peaks(spectrum, height=spectrum.max() / 10)[0][0] == pytest.approx(125, abs=1)
    assert abs(pulses[:12_800].sum()) < 1e-9  # the derivative of a periodic flow


def test_a_peak_of_noise_has_unit_power_and_its_place():
    noise = formants.one_peak(stream(0, 1).standard_normal(RATE), 3000.0, 200.0)
    assert noise.std() == pytest.approx(1)
    spectrum = np.abs(np.fft.rfft(noise)) ** 2
    band = spectrum[2700:3300].sum() / spectrum.sum()
    assert band > 0.75


def test_cepstra_equal_the_textbook_formula():
    signal = np.random.default_rng(1).standard_normal(2000)
    emphasised = lfilter([1, -0.97], [1], signal)
    emphasised[0] = signal[0]
    bank = np.zeros((26, 257))
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + 8000 / 700), 28) / 2595) - 1)
    for m in range(26):
        bank[m] = np.interp(np.arange(257) * 16_000 / 512, edges[m : m + 3], [0, 1, 0])
    expected = []
    for t in range(1 + (2000 - 400) // 160):
        frame = emphasised[160 * t : 160 * t + 400]
        window = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(400) / 399)
        expected.append(np.log(bank @ np.abs(np.fft.rfft(frame * window, 512)) ** 2))
    expected = np.array(expected)
    np.testing.assert_allclose(mfcc.filter_bank(16_000, 512), bank, atol=1e-12)
    np.testing.assert_allclose(mfcc.cepstra(signal, 16_000), dct(expected, norm="ortho")[:, :13], rtol=1e-9)
    # ... and the DCT itself by its definition
    n = np.arange(26)
    direct = [np.sqrt(2 / 26) * (expected @ np.cos(np.pi * k * (2 * n + 1) / 52)) for k in range(1, 13)]
    np.testing.assert_allclose(mfcc.cepstra(signal, 16_000)[:, 1:], np.transpose(direct), rtol=1e-9)


def test_mel_and_hertz_are_inverse():
    frequency = np.linspace(0, 8000, 50)
    np.testing.assert_allclose(mfcc.hertz(mfcc.mel(frequency)), frequency, atol=1e-9)
    assert mfcc.mel(1000.0) == pytest.approx(1000, abs=0.1)  # the scale's anchor


@pytest.mark.parametrize("frames", [1, 3, 30])
def test_deltas_are_first_order_savitzky_golay(frames):
    features = np.random.default_rng(2).standard_normal((frames, 13))
    padded = np.pad(features, ((2, 2), (0, 0)), mode="edge")
    expected = savgol_filter(padded, 5, polyorder=1, deriv=1, axis=0)[2:-2]
    np.testing.assert_allclose(mfcc.deltas(features), expected, atol=1e-12)


def test_too_short_a_signal_is_refused():
    with pytest.raises(ValueError, match="399 samples, but one frame has 400"):
        mfcc.mfcc39(np.zeros(399), 16_000)


def test_syllables_differ_as_phonetics_says():
    voice = syllables.speaker(0, 0)
    seconds = {
        name: len(syllables.speak(name, voice, stream(0, 1, 0, 0))) / RATE for name in syllables.SYLLABLES
    }
    assert seconds["kaa"] > seconds["ka"] + 0.07  # the same numbers drawn, a longer vowel

    def high_share(name):
        signal = syllables.speak(name, voice, stream(0, 1, 0, 0))
        loud = signal[: round(0.16 * RATE)]
        power = np.abs(np.fft.rfft(loud)) ** 2
        at = np.fft.rfftfreq(len(loud), 1 / RATE)
        return power[at > 4000].sum() / power.sum()

    assert high_share("sa") > 3 * high_share("ba")  # frication
