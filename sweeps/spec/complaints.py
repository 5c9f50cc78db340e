"""What is said of a value that is wrong: where it stands, the value, and the words."""

from __future__ import annotations

from typing import Any

Complaint = tuple[tuple[str | int, ...], Any, str]
"""Where (keys and indices below the section), the value, and what is said of it."""
UNKNOWN = "extra_forbidden"  # pydantic's word for it
