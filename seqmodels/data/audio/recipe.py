"""How sound becomes features: Kaldi's parameters by Kaldi's names."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Window = Literal["povey", "hamming", "hanning", "blackman", "rectangular"]
MOST_FRAME = 10_000.0  # milliseconds


def _key(default: Any, example: str, description: str, **limits: Any) -> Any:
    return Field(default, description=description, examples=[example], **limits)


class Recipe(BaseModel):
    """All that decides the features of a sound; a trained model keeps it."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    features: Literal["mfcc", "fbank", "raw"] = _key(
        "mfcc",
        'features = "fbank"',
        "what a token is, a frame's: `mfcc` (cepstra), `fbank` (logarithms of mel energies) or `raw` (its samples, full scale 1)",
    )
    deltas: Literal[0, 1, 2] = _key(
        0,
        "deltas = 2",
        "1: also how each feature changes, by regression over 2 frames on each side; 2: also how that changes",
    )
    frame_length: float = _key(25.0, "frame_length = 32", "milliseconds of a frame", gt=0, le=MOST_FRAME)
    frame_shift: float = _key(
        10.0, "frame_shift = 16", "milliseconds from one frame to the next", gt=0, le=MOST_FRAME
    )
    snip_edges: bool = _key(
        True, "snip_edges = false", "only whole frames; false: one for each shift, mirrored at the ends"
    )
    dither: float = _key(
        0.0,
        "dither = 1",
        "deviation of noise that is added, in units of 16 bits; the same in each file",
        ge=0,
    )
    remove_dc_offset: bool = _key(True, "remove_dc_offset = false", "take its mean off each frame")
    preemphasis_coefficient: float = _key(
        0.97, "preemphasis_coefficient = 0.95", "how much low tones are damped", ge=0, le=1
    )
    window_type: Window = _key("povey", 'window_type = "hamming"', "how a frame fades at its ends")
    round_to_power_of_two: bool = _key(
        True,
        "round_to_power_of_two = false",
        "fill frames with zeros to a power of two before the Fourier transform",
    )
    num_mel_bins: int = _key(
        23, "num_mel_bins = 40", "filters, triangles of one width on the mel scale", ge=3, le=1000
    )
    low_freq: float = _key(20.0, "low_freq = 60", "where the lowest filter begins, Hz", ge=0)
    high_freq: float = _key(
        0.0,
        "high_freq = 7600",
        "where the highest filter ends, Hz; 0 or less: so much below half the sample rate",
    )
    num_ceps: int = _key(
        13, "num_ceps = 20", "how many cepstra, the first or the energy counted", ge=1, le=1000
    )
    cepstral_lifter: float = _key(
        22.0, "cepstral_lifter = 0", "how much higher cepstra are scaled up; 0: not at all", ge=0
    )
    use_energy: bool | None = _key(
        None,
        "use_energy = false",
        "the logarithm of a frame's energy: in place of the first cepstrum (`mfcc`, where that is the default), or as a "
        "further feature (`fbank`)",
    )
    raw_energy: bool = _key(True, "raw_energy = false", "measure energy before preemphasis and window")
    energy_floor: float = _key(0.0, "energy_floor = 1", "the least energy; 0: none", ge=0)
    htk_compat: bool = _key(
        False,
        "htk_compat = true",
        "the order of HTK: energy or C0 comes last, C0 times the square root of 2, and second deltas are deltas of the first",
    )
    htk_mode: bool = _key(False, "htk_mode = true", "the filters of HTK: mel energies are at least 1")

    @property
    def energy(self) -> bool:
        """Whether the energy is one of the features."""
        return self.features == "mfcc" if self.use_energy is None else self.use_energy

    @property
    def disagreement(self) -> str:
        """Say which parameters do not go together; empty where all do."""
        if self.features == "mfcc" and self.num_ceps > self.num_mel_bins:
            return f"`num_ceps` is {self.num_ceps}, but must be at most `num_mel_bins`, {self.num_mel_bins}"
        return ""
