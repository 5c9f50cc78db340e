"""What the store raises when a sweep cannot be found, read or written.

Whoever can do without something catches `NotFound` alone: a store out of reach, a damaged file or one of a newer version
must not pass for "there is none", or a verdict would change in silence.
"""

from seqsweep.extras import install


class StoreError(ValueError):
    """Something about a store went wrong; the message names the sweep or file, and what to do."""


class NotFound(StoreError):
    """What was asked for is not there: a sweep, data set, architecture, or figures that nobody recorded."""


class Ambiguous(NotFound):
    """The name fits several."""


class Missing(StoreError):
    """A file is not there."""


class Damaged(StoreError):
    """The file is there, but not as it was written."""


class Newer(StoreError):
    """The file was written by a newer seqsweep."""


class Unreachable(StoreError):
    """The store does not answer, or its disk is full: it was tried for as long as somebody would wait."""


class Refused(StoreError):
    """The store answered that it will not: no permission, a folder where a file should be, a read-only disk."""


class Invalid(StoreError):
    """What was asked for, or should be written, breaks a rule; the message names the value and the rule."""


class MissingExtra(StoreError):
    """A package is not there that only an extra of seqsweep installs; the message says what to do."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what}, which a plain install leaves out: {install(extra)}")
