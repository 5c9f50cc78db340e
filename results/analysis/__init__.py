"""What a sweep's tables say, a figure a module, as frozen dataclasses: every view and `--json` show these numbers."""
