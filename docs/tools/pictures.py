"""Draws the pictures of the pages: what `seqsweep show` and `data show` print, as SVG, and what `seqsweep report` writes, as PNG.

python docs/tools/pictures.py SWEEP --store STORE
python docs/tools/pictures.py --uneven --store STORE

The second draws the sweep that `docs/tools/uneven.py` says how to make. The PNG takes a browser: Debian's package `chromium`,
and what `pip install '.[dev]'` brings to drive it.
"""

import argparse
import io
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME

from seqsweep.results import html
from seqsweep.results.analysis.report import report as report_of
from seqsweep.results.store import Store
from seqsweep.seqmodels.data.inspection import inspect
from seqsweep.sweeps.cli.printing import report
from seqsweep.sweeps.datasets.samples import samples
from seqsweep.sweeps.datasets.view import render_heading, render_samples

DOCS = Path(__file__).parents[1]
SIZE = {"width": 1180, "height": 1340}  # of the report's beginning, in pixels of the page
SCALE = 0.75


def main() -> None:
    """Write docs/verdict.svg, docs/data-show.svg and docs/report.png; or docs/uneven.svg."""
    parser = argparse.ArgumentParser(description="Draw the README's pictures.")
    parser.add_argument("sweep", nargs="?", help="a sweep's id, or the beginning of it (default: the newest)")
    parser.add_argument("--store", default="store")
    parser.add_argument("--width", type=int, default=118, help="columns of the terminal")
    parser.add_argument("--uneven", action="store_true", help="draw docs/uneven.svg alone")
    arguments = parser.parse_args()
    sweep = Store(arguments.store).find(arguments.sweep)
    store = arguments.store
    verdict = recorded("seqsweep show", arguments.width, lambda console: report(sweep, console, store=store))
    if arguments.uneven:
        (DOCS / "uneven.svg").write_text(verdict)
        return
    (DOCS / "verdict.svg").write_text(verdict)
    (DOCS / "data-show.svg").write_text(recorded("seqsweep data show handwriting", 100, show_letters))
    (DOCS / "report.png").write_bytes(screenshot(html.render(report_of(sweep))))


def show_letters(console: Console) -> None:
    """Print what `seqsweep data show handwriting` prints."""
    about, found = inspect("handwriting")
    render_heading(about, console)
    console.print()
    render_samples(samples(found, 1), about.drawing, console)


def recorded(title: str, width: int, show: Callable[[Console], None]) -> str:
    """What is shown on a terminal, as SVG."""
    console = Console(
        record=True, width=width, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    show(console)
    svg = console.export_svg(title=title, theme=SVG_EXPORT_THEME)
    # nothing to fetch: any monospaced font will do
    return re.sub(r"@font-face \{.*?\}\n", "", svg, flags=re.DOTALL)


def screenshot(page: str) -> bytes:
    """The beginning of a page, in the light, as PNG."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium")
    if program is None:
        raise SystemExit("no chromium on the PATH; install Debian's package `chromium`")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        file = Path(folder, "report.html")
        file.write_text(page, encoding="utf-8")
        with driver.chromium.launch(executable_path=program) as browser:
            shown = browser.new_page(viewport=SIZE, device_scale_factor=SCALE, color_scheme="light")
            shown.goto(file.as_uri())
            return bytes(shown.screenshot())


if __name__ == "__main__":
    main()
