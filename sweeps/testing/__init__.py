"""Tests that a sampler of somebody else's inherits: `class TestMine(SamplerSuite): sampler = Mine()`. They need pytest."""

import pytest

pytest.register_assert_rewrite(f"{__name__}.sampler_conformance")
