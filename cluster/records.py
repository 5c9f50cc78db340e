"""Messages for programs among a job's printed lines: JSON after an ASCII record separator (as RFC 7464 has it)."""

import json
from collections.abc import Iterable, Iterator
from typing import IO, Any

SEPARATOR = "\x1e"
DECODER = json.JSONDecoder()


def send(record: dict[str, Any], stream: IO[str]) -> int:
    """Print one record; how many characters it took. NaN is sent as `NaN`, which Python's JSON reads."""
    line = SEPARATOR + json.dumps(record, separators=(",", ":"))
    print(line, file=stream, flush=True)
    return len(line)


def received(lines: Iterable[str]) -> Iterator[dict[str, Any] | str]:
    """Of printed lines, the records as dicts and all else as it is, in their order.

    Others write to the same log: text that stands before a record in its line, or behind it, is told apart from it. What
    begins like a record but is none (its writer was killed within it) is passed over.
    """
    for line in lines:
        text, *parts = line.split(SEPARATOR)
        if text or not parts:
            yield text
        for part in parts:
            try:
                record, end = DECODER.raw_decode(part)
            except ValueError:
                continue
            if isinstance(record, dict):
                yield record
                if end < len(part):
                    yield part[end:]
