"""Which line of Ray's logs is shown; lines as Ray 2.60 wrote them."""

from pathlib import Path

import pytest

from seqsweep.cluster.ray_log import cause, says

GREY = "[2026-11-30 14:10:01,123 I 17 17] (raylet) main.cc:5: Setting cluster ID, no error, failures 0"
GRAVE = "[2026-11-30 14:10:02,456 E 17 17] (raylet) agent_manager.cc:12: The agent failed to start"
SHELL = "bash: line 1: /opt/my: No such file or directory"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"raylet.out": GREY}, None),
        ({"raylet.out": f"{GREY}\n{GRAVE}\n{GREY}\n"}, "The agent failed to start"),
        ({"raylet.out": GRAVE, "raylet.err": f"\x1b[33m{SHELL}\x1b[0m\n\n"}, SHELL),
        (
            {"worker-a.err": "Traceback\nOSError: [Errno 28] No space left on device\n"},
            "OSError: [Errno 28] No space left on device",
        ),
        ({"raylet.err": "2026-11-30 14:10:01,1\tWARNING x failed\n"}, None),
        ({"raylet.err": "x" * 1000 + " failed"}, "x" * 300),
        ({}, None),
    ],
)
def test_the_most_telling_line(tmp_path: Path, files: dict[str, str], expected: str | None) -> None:
    logs = tmp_path / "session_2026-11-30_14-10-00_1_17" / "logs"
    logs.mkdir(parents=True)
    for name, text in files.items():
        (logs / name).write_text(text)
    assert cause(tmp_path) == expected
    assert cause(logs.parent) == expected


def test_no_session_says_nothing(tmp_path: Path) -> None:
    assert says(None) == says(tmp_path) == says(tmp_path / "gone") == ""
