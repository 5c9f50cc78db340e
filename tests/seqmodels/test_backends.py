"""Every backend under the conformance suite, and how one is chosen."""

from typing import ClassVar

import pytest
import torch
from conformance import Conformance

from seqmodels.backends import BACKENDS, Backend, CpuBackend, TorchBackend, create_backend


class TestTorch(Conformance):
    make = TorchBackend


class TestCpu(Conformance):
    make = CpuBackend
    tolerances: ClassVar = {torch.float32: 2e-6}


def test_every_backend_has_its_line_here() -> None:
    assert {cls.make for cls in Conformance.__subclasses__()} == set(BACKENDS.values())


@pytest.mark.parametrize("name", ["auto", *BACKENDS])
def test_created_by_name(name: str) -> None:
    backend = create_backend(name)
    assert isinstance(backend, Backend)
    assert backend.name in BACKENDS


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="`backend` is 'gpu', but must be auto or one of torch, cpu"):
        create_backend("gpu")
