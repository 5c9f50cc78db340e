"""A sequence as a small picture: pen strokes as ink, frames of many features as an image, others as traces."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from markupsafe import Markup

from seqsweep.results.analysis.dataset_facts import DatasetFacts, Specimen
from seqsweep.results.html import png, svg
from seqsweep.results.shown import shown

INK = 92
IMAGE_WIDTH, IMAGE_HEIGHT = 150, 92
MANY_FEATURES = 8
FORMERLY = {"strokes": "ink", "mfcc": "image"}  # by the format, of sweeps that do not say how they are drawn
_SPREAD = 2.5  # standard deviations that the image's palette spans to either side
Array = np.ndarray[Any, np.dtype[np.float64]]


def kind(data: DatasetFacts) -> str:
    """Tell how a data set's sequences are drawn: `ink`, `image` or `traces`."""
    wanted = data.drawing or FORMERLY.get(data.format or "", "traces")
    if wanted == "ink" and data.features == 2:
        return "ink"
    return "image" if wanted == "image" or (data.features or 0) > MANY_FEATURES else "traces"


def draw(specimen: Specimen, how: str, name: str) -> Markup:
    """The sequence of class `name`, drawn as `kind` says."""
    words = shown(f"{specimen.sequence}, class {name}, {specimen.length} tokens")
    values = specimen.values.astype(np.float64)
    if how == "ink":
        return svg.picture(INK, INK, f"Pen stroke {words}", *_ink(values), class_="ink")
    if how == "image":
        return _image(values, f"Features over time of {words}")
    return svg.picture(
        IMAGE_WIDTH, IMAGE_HEIGHT, f"Features over time of {words}", *_traces(values), class_="traces"
    )


def _ink(values: Array) -> list[Markup]:
    """The pen's way, y upwards; a dot where it begins."""
    inner = INK - 16
    points = [(8 + inner * x, 8 + inner * (1 - y)) for x, y in values.tolist()]
    return [
        svg.element("path", d=svg.path(points)),
        svg.element("circle", cx=points[0][0], cy=points[0][1], r=3),
    ]


def _image(values: Array, words: str) -> Markup:
    """Time to the right, the first feature at the bottom."""
    scale = max(float(values.std()), 1e-12) * _SPREAD
    shades = (np.clip((values - values.mean()) / scale, -1, 1) + 1) / 2 * (png.SHADES - 1)
    content = png.encode(np.flipud(shades.T).round().astype(np.uint8), png.PALETTE)
    address = "data:image/png;base64," + base64.b64encode(content).decode()
    return Markup('<img src="{}" alt="{}" width="{}" height="{}" class="frames">').format(
        address, words, IMAGE_WIDTH, IMAGE_HEIGHT
    )


def _traces(values: Array) -> list[Markup]:
    """Each feature a line in a strip of its own, the first on top, all on one scale."""
    low, high = float(values.min()), float(values.max())
    strip = IMAGE_HEIGHT / values.shape[1]
    times = np.linspace(2, IMAGE_WIDTH - 2, len(values)) if len(values) > 1 else np.array([IMAGE_WIDTH / 2])
    scaled = (values - low) / (high - low or 1.0)
    parts = []
    for feature in range(values.shape[1]):
        heights = (feature + 0.92 - 0.84 * scaled[:, feature]) * strip
        parts.append(svg.element("path", d=svg.path(zip(times.tolist(), heights.tolist(), strict=True))))
    return parts
