"""The `seqsweep` command: one module per verb."""


def main() -> None:
    """Run the command line."""
    raise SystemExit("not built yet")
