"""What the store raises when a sweep cannot be found, read or written."""


class StoreError(ValueError):
    """A sweep or one of its files is missing, damaged, ambiguous or from a newer version; the message names it."""


class Missing(StoreError):
    """The file is not there."""


class Damaged(StoreError):
    """The file is there, but not as it was written."""
