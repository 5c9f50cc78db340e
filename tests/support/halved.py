"""Transforms that only tests know."""

import numpy as np

from seqsweep.seqmodels.data.transforms.base import Transform


class Halved(Transform):
    """A transform that only a test knows; it has no twins."""

    kind = "halved"
    words = "Each is halved."

    def fit(self, train, names):
        return {}, ()

    def apply(self, sequence, record):
        return sequence / 2


def halved_in_torch(values, lengths, record):
    """Halve all."""
    return values / 2, lengths


class HalvedInTorch(Halved):
    """The same with one twin."""

    kind = "halved_in_torch"
    in_torch = staticmethod(halved_in_torch)


class HalvedToo(HalvedInTorch):
    """The same with both twins."""

    kind = "halved_too"

    def in_onnx(self, graph, record, values, lengths):
        return graph.node("Div", values, graph.constant("two", np.array(2.0))), lengths


HALVED = (Halved, HalvedInTorch, HalvedToo)
