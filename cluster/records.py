"""Messages for programs among a job's printed lines: JSON after an ASCII record separator (as RFC 7464 has it)."""

import json
from collections.abc import Iterable, Iterator
from typing import IO, Any

SEPARATOR = "\x1e"


def send(record: dict[str, Any], stream: IO[str]) -> int:
    """Print one record; how many characters it took. NaN is sent as `NaN`, which Python's JSON reads."""
    line = SEPARATOR + json.dumps(record, separators=(",", ":"))
    print(line, file=stream, flush=True)
    return len(line)


def received(lines: Iterable[str]) -> Iterator[dict[str, Any] | str]:
    """Of printed lines, the records as dicts and all else as it is, in their order.

    A line that begins like a record but is none (its writer was killed within it) is passed over.
    """
    for line in lines:
        if not line.startswith(SEPARATOR):
            yield line
            continue
        try:
            record = json.loads(line[1:])
        except ValueError:
            continue
        if isinstance(record, dict):
            yield record
