"""Rebuilds the tables and findings of docs/reference-study.md from a store.

python docs/tools/reference_study.py SWEEP... --store STORE

SWEEP are the sweeps of examples/strokes.toml, speech.toml and best.toml (ids, or the beginnings of them; default: the newest of
each name). What stands between `<!-- NAME -->` and `<!-- end NAME -->` is replaced; the rest is prose. Exits with 1 where a
finding does not hold, so that the prose can be mended.
"""

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqsweep.results.analysis.provenance import provenance
from seqsweep.results.analysis.verdict import verdict
from seqsweep.results.analysis.verdict_row import Row
from seqsweep.results.statistics.differences import ALPHA, holm, least_deviation, paired
from seqsweep.results.store import Store, Sweep
from seqsweep.results.views import formats

PAGE = Path(__file__).parents[1] / "reference-study.md"
SWEEPS = ("strokes", "speech", "best")
# the course report's test accuracies in percent, by cell: one, two and three layers
REPORTED = {
    "kannada-telugu": {"rnn_tanh": (73.2, 50.9, 22.2), "lstm": (71.9, 43.2, 20.1)},
    "hindi-cv": {"rnn_tanh": (45.5, 46.5, 47.5), "lstm": (39.0, 19.7, 18.7)},
}
SAME_MEASURE = "kannada-telugu"  # the report counts frames of the other, not segments
CELLS = ("rnn_tanh", "gru", "lstm")
GATED = ("gru", "lstm")
SPOKEN = {"rnn_tanh": "tanh RNN", "gru": "GRU", "lstm": "LSTM"}


@dataclass(frozen=True)
class Result:
    """A row of a verdict, the test accuracies of its chosen candidate by seed, and the number of test sequences."""

    row: Row
    test: Mapping[int, float]
    sequences: int | None

    @property
    def low(self) -> float:
        """Lower end of the interval of the test accuracy, percent."""
        return 100 * ((self.row.test.mean or 0.0) - (self.row.test.half_width or 0.0))

    @property
    def high(self) -> float:
        """Upper end."""
        return 100 * ((self.row.test.mean or 0.0) + (self.row.test.half_width or 0.0))


Study = dict[tuple[str, int], Result]
"""One data set's results by cell and layers."""


@dataclass(frozen=True)
class Finding:
    """A sentence with its figures, and whether the intervals bear it out."""

    text: str
    holds: bool

    def __str__(self) -> str:
        return f"- {self.text}" if self.holds else f"- (does **not** hold) {self.text}"


def main() -> int:
    """Rewrite the page."""
    parser = argparse.ArgumentParser(description="Rebuild docs/reference-study.md from a store.")
    parser.add_argument("sweeps", nargs="*", default=SWEEPS, help="ids, or the beginnings of them")
    parser.add_argument("--store", default="store")
    arguments = parser.parse_args()
    store = Store(arguments.store)
    sweeps = [newest(store, name) for name in arguments.sweeps]
    text, found = rebuilt(PAGE.read_text(encoding="utf-8"), sweeps)
    PAGE.write_text(text, encoding="utf-8")
    for finding in found:
        print(finding)
    return 0 if all(finding.holds for finding in found) else 1


def newest(store: Store, name: str) -> Sweep:
    """The newest sweep called `name`, else the one whose id it begins. Raises StoreError."""
    return next((sweep for sweep in store.sweeps() if sweep.info.get("name") == name), None) or store.find(
        name
    )


def rebuilt(text: str, sweeps: Sequence[Sweep]) -> tuple[str, list[Finding]]:
    """The page with new tables, and what was found. Raises ValueError where the sweeps or the page lack something."""
    studies: dict[str, Study] = {name: {} for name in REPORTED}
    strongest: list[Result] = []
    for sweep in sweeps:
        for dataset, result in results(sweep):
            if result.row.extras:
                strongest.append(result)
                continue
            place = (result.row.cell, result.row.layers)
            if dataset not in studies or place in studies[dataset]:
                raise ValueError(f"{sweep.id}: {result.row.label} on {dataset} is unknown, or there twice")
            studies[dataset][place] = result
    for name, study in studies.items():
        missing = {(cell, layers) for cell in CELLS for layers in (1, 2, 3)} - study.keys()
        if missing:
            raise ValueError(f"the sweeps have no {missing} on {name}")
        text = replaced(text, name, "\n".join(table(study, REPORTED[name])))
    found = list(findings(studies))
    text = replaced(text, "findings", "\n".join(map(str, found)))
    if strongest:
        text = replaced(
            text, "strongest", described(max(strongest, key=lambda each: each.row.test.mean or 0.0))
        )
    return replaced(text, "measured", "\n".join(map(measured, sweeps))), found


def results(sweep: Sweep) -> Iterator[tuple[str, Result]]:
    """Data set and result of every trial of a sweep."""
    columns = ["trial", "chosen", "seed", "test_accuracy"]
    tests: dict[str, dict[int, float]] = {}
    for lane in sweep.read("lanes", columns).to_pylist():
        if lane["chosen"] and lane["test_accuracy"] is not None:
            tests.setdefault(lane["trial"], {})[lane["seed"]] = lane["test_accuracy"]
    for block in verdict(sweep).datasets:
        for row in block.rows:
            yield block.dataset.name, Result(row, tests.get(row.trial, {}), block.dataset.test)


def table(study: Study, reported: Mapping[str, Sequence[float]]) -> Iterator[str]:
    """Markdown, a row for each cell and number of layers."""
    names = ("rank", "cell", "layers", "train", "validation", "**test**", "chosen", "diverged", "seconds")
    yield "| " + " | ".join((*names, "the report, test")) + " |"
    yield "|" + " --- |" * (len(names) + 1)
    for (cell, layers), result in sorted(
        study.items(), key=lambda item: (CELLS.index(item[0][0]), item[0][1])
    ):
        row = result.row
        rank = f"{row.rank_low}-{row.rank_high}" if row.rank_high > row.rank_low else str(row.rank_low)
        figures = (
            *(rank, cell, str(layers), formats.interval(row.train), formats.interval(row.validation)),
            f"**{formats.interval(row.test)}**" + (" unstable" if row.unstable else ""),
            *(formats.settings(row.chosen), str(row.diverged), f"{row.seconds:.0f}"),
            f"{reported[cell][layers - 1]:.1f}" if cell in reported else "–",
        )
        yield "| " + " | ".join(figures) + " |"
    yield ""
    yield "A rank is a range where paired tests over seeds, with Holm's correction, tell no difference."


def findings(studies: Mapping[str, Study]) -> Iterator[Finding]:
    """What the page claims, each judged by 95 % intervals."""
    reported = REPORTED[SAME_MEASURE]
    best = max(accuracies[0] for accuracies in reported.values())
    strokes = studies[SAME_MEASURE]
    deep = [strokes[cell, layers] for cell in GATED for layers in (2, 3)]
    lowest = min(result.low for result in deep)
    listed = ", ".join(f"{result.row.label} {formats.interval(result.row.test)}" for result in deep)
    yield Finding(
        f"**Deeper gated models beat the report's best.** It found one layer best, at {best:.1f} % on the strokes. Ours with "
        f"two and three layers reach {listed} %: the lowest end of their intervals is {lowest:.1f} %.",
        lowest > best,
    )
    lower = [
        f"{SPOKEN[cell]} with {layers}"
        for cell, accuracies in reported.items()
        for layers, accuracy in enumerate(accuracies, 1)
        if strokes[cell, layers].low <= accuracy
    ]
    yield Finding(
        "**Every model of the report is beaten by the same one, tuned,** on the strokes: the whole interval lies above its figure"
        + (f", but for {', '.join(lower)} layer(s)." if lower else "."),
        not lower,
    )
    for name, study in studies.items():
        yield _more_layers(name, study)
    for name, study in studies.items():
        gated = min(result.low for (cell, _), result in study.items() if cell in GATED)
        plain = max(result.high for (cell, _), result in study.items() if cell not in GATED)
        yield Finding(
            f"**The cell decides, between gated and not,** on `{name}`: the intervals of all GRUs and LSTMs begin at "
            f"{gated:.1f} %, those of the tanh RNNs end at {plain:.1f} %.",
            gated > plain,
        )


def _more_layers(name: str, study: Study) -> Finding:
    """No cell gets surely worse by a second or third layer: paired tests over seeds, with Holm's correction for the six."""
    pairs = [(cell, layers) for cell in CELLS for layers in (2, 3)]
    seeds = sorted({seed for result in study.values() for seed in result.test})
    figures = np.array(
        [
            [[study[place].test.get(seed, np.nan) for seed in seeds] for place in ((cell, layers), (cell, 1))]
            for cell, layers in pairs
        ]
    )
    floor = least_deviation(study["gru", 1].sequences)
    mean, half, _, p = paired(figures[:, 0], figures[:, 1], floor)
    worse = (holm(p) < ALPHA) & (mean < 0)
    steps = [
        f"{formats.points(each)} ±{formats.percent(width)}"
        for each, width in zip(mean.tolist(), half.tolist(), strict=True)
    ]
    parts = [
        f"{SPOKEN[cell]} {' and '.join(steps[2 * place : 2 * place + 2])}" for place, cell in enumerate(CELLS)
    ]
    return Finding(
        f"**More layers are not seen to hurt** on `{name}`: with two and three layers instead of one, in points and paired over "
        f"seeds, {'; '.join(parts)}; Holm's correction for six comparisons leaves {int(worse.sum()) or 'none'} that is worse.",
        not worse.any(),
    )


def described(result: Result) -> str:
    """The strongest single model."""
    row = result.row
    return (
        f"{row.label} reached **{formats.interval(row.test)} %** on test (validation {formats.interval(row.validation)} %, "
        f"{formats.plural(row.seeds, 'seed')}, {formats.compact(row.parameters)} parameters)."
    )


def measured(sweep: Sweep) -> str:
    """When and by what."""
    origin = provenance(sweep)
    versions = ", ".join(
        f"{name} {origin.versions[name]}" for name in ("python", "torch", "ray") if name in origin.versions
    )
    parts = [
        f"`{sweep.id}`: {formats.moment(origin.created)} UTC",
        formats.duration(origin.seconds),
        formats.plural(origin.cores, "core") if origin.cores else "",
        f"{origin.backend} backend" if origin.backend else "",
        versions,
        f"seqsweep {origin.versions.get('seqsweep', '?')}" + (f" ({origin.git})" if origin.git else ""),
    ]
    return "- " + ", ".join(filter(None, parts))


def replaced(text: str, name: str, content: str) -> str:
    """`text` with `content` between the marks called `name`. Raises ValueError where they are not there once."""
    pattern = re.compile(rf"(<!-- {re.escape(name)} -->\n).*?(<!-- end {re.escape(name)} -->)", re.DOTALL)
    new, count = pattern.subn(lambda match: f"{match[1]}{content}\n{match[2]}", text)
    if count != 1:
        raise ValueError(f"the page has {count} places marked `{name}`, but must have one")
    return new


if __name__ == "__main__":
    sys.exit(main())
