"""What the `cuda` backend's kernels reach to; apart from them, so that asking needs no torch."""

MOST_HIDDEN = 512
"""Hidden units of a layer."""
