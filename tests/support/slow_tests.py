"""Lists the tests that the quick lane leaves out, from a report of all of them: those of 0.7 s and more, all cases together.

pytest --junitxml report.xml && python -m tests.support.slow_tests report.xml
"""

import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

from tests import REPOSITORY

LISTED = REPOSITORY / "tests" / "slow.txt"
SECONDS = 0.7


def function_of(node: str) -> str:
    """A test's id without its case."""
    return node.partition("[")[0]


def slow(report: Path) -> list[str]:
    """Ids of the slow functions, as pytest has them."""
    seconds: Counter[str] = Counter()
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        module, dot, kind = str(case.get("classname")).partition(".Test")
        place = f"{module.replace('.', '/')}.py" + (f"::Test{kind}" if dot else "")
        seconds[function_of(f"{place}::{case.get('name')}")] += float(case.get("time") or 0)
    return sorted(name for name, spent in seconds.items() if spent >= SECONDS)


if __name__ == "__main__":
    LISTED.write_text("\n".join(slow(Path(sys.argv[1]))) + "\n")
