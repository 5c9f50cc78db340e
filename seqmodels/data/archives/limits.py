"""What may be in an archive, and what is said where there is more."""

MOST_MEMBERS = 1_000_000
MOST_DEPTH = 32  # folders in a path
LONGEST_PATH = 1000  # characters
LARGEST_FILE = 4_000_000_000  # bytes
MOST_BYTES = 16_000_000_000  # of an archive, decompressed
MOST_RATIO = 100  # decompressed to compressed bytes, text of numbers has 2 to 20 ...
FREE_BYTES = 64_000_000  # ... which does not matter up to here
MOST_HEADER = 1_000_000  # bytes of one member's extended headers
MOST_GLOBAL = 1000  # entries of the extended headers that are for all members
MOST_HOPS = 40  # links on the way to one file, as Linux has it
CHUNK = 1 << 20


def allowed(packed: int) -> int:
    """Give the bytes that so many packed ones may become."""
    return max(FREE_BYTES, MOST_RATIO * packed)


def too_much(packed: int) -> str:
    """Say that it grows too much."""
    return (
        f"comes to more than {allowed(packed):,} bytes from {packed:,}, but data above {FREE_BYTES // 1_000_000} MB may grow "
        f"at most {MOST_RATIO}-fold: is it a bomb?"
    )


def too_many() -> str:
    """Say that all of it is too large."""
    return f"has more than {MOST_BYTES / 1e9:g} GB decompressed, but may have at most so much: unpack it, and name the folder"


def too_large() -> str:
    """Say that one file is too large."""
    return f"is larger than {LARGEST_FILE / 1e9:g} GB, but a file may have at most so much"
