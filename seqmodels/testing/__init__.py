"""Tests that a backend of somebody else's inherits: `class TestMine(Conformance): make = MyBackend`. They need pytest."""

import pytest

pytest.register_assert_rewrite(f"{__name__}.conformance")
