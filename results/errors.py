"""What the store raises when a sweep cannot be found, read or written."""


class StoreError(ValueError):
    """A sweep or one of its files is missing, damaged, ambiguous or from a newer version; the message names it."""


class Missing(StoreError):
    """The file is not there."""


class Ambiguous(StoreError):
    """The name fits several sweeps."""


class Damaged(StoreError):
    """The file is there, but not as it was written."""


class MissingExtra(StoreError):
    """A package is not there that only an extra of seqsweep installs; the message says what to do."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what}, which a plain install leaves out: pip install 'seqsweep[{extra}]'")
