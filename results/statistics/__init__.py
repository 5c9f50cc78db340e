"""Numbers in, numbers out: intervals, tests and shares, which know no store."""
