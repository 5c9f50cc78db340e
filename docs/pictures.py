"""Draws the README's picture: what `seqsweep show` prints, as SVG.

python docs/pictures.py SWEEP --store STORE
"""

import argparse
import io
import re
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME

from results.store import Store
from sweeps.report import report


def main() -> None:
    """Write docs/verdict.svg."""
    parser = argparse.ArgumentParser(description="Draw the README's picture.")
    parser.add_argument("sweep", nargs="?", help="a sweep's id, or the beginning of it (default: the newest)")
    parser.add_argument("--store", default="store")
    parser.add_argument("--width", type=int, default=118)
    arguments = parser.parse_args()
    console = Console(
        record=True, width=arguments.width, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    report(Store(arguments.store).find(arguments.sweep), console, store=arguments.store)
    svg = console.export_svg(title="seqsweep show", theme=SVG_EXPORT_THEME)
    svg = re.sub(
        r"@font-face \{.*?\}\n", "", svg, flags=re.DOTALL
    )  # nothing to fetch: any monospaced font will do
    target = Path(__file__).with_name("verdict.svg")
    target.write_text(svg)
    print(target)


if __name__ == "__main__":
    main()
