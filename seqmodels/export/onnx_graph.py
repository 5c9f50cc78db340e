"""The model as an ONNX graph of any batch and any length, from ONNX's own LSTM, GRU and RNN.

They take the sequences' lengths, so the backward direction begins at each sequence's end, which a graph traced from torch
does not do. Gates are stacked in another order there: input, output, forget, cell (LSTM) and update, reset, new (GRU).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seqsweep.seqmodels.cells import RECURRENT_CELLS
from seqsweep.seqmodels.data.registry import transform_of
from seqsweep.seqmodels.layout import direction_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    import onnx

    from seqsweep.seqmodels.export.description import Description

OPSET, IR_VERSION = 18, 8  # of onnxruntime 1.14 (2023)
OPERATORS = {"rnn_tanh": "RNN", "rnn_relu": "RNN", "gru": "GRU", "lstm": "LSTM"}
GATES = {"gru": ("update", "reset", "new"), "lstm": ("input", "output", "forget", "cell")}
ACTIVATIONS = {"rnn_tanh": "Tanh", "rnn_relu": "Relu"}


def onnx_model(description: Description, state: Mapping[str, NDArray[np.float32]]) -> onnx.ModelProto:
    """`(values [batch, length, D] float64, lengths [batch] int64) -> logits [batch, C] float32`.

    Its metadata hold what `model.json` says of classes, input and architecture. Raises ImportError without onnx.
    """
    from onnx import TensorProto, checker, helper, numpy_helper

    graph = _Graph(description, state)
    graph.build()
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "seqsweep",
            [
                helper.make_tensor_value_info(
                    "values", TensorProto.DOUBLE, ["batch", "length", description.features]
                ),
                helper.make_tensor_value_info("lengths", TensorProto.INT64, ["batch"]),
            ],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(description.classes)])],
            [numpy_helper.from_array(array, name) for name, array in graph.constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="seqsweep",
    )
    table = description.to_table()
    helper.set_model_props(
        model, {name: json.dumps(table[name]) for name in ("classes", "input", "architecture")}
    )
    checker.check_model(model, full_check=True)
    return model


class _Graph:
    """Collects nodes and constants as they are added; a value is named by the node that makes it."""

    def __init__(self, description: Description, state: Mapping[str, NDArray[np.float32]]) -> None:
        self.description = description
        self.state = state
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, NDArray[Any]] = {}

    def build(self) -> None:
        """Build the graph from `values` and `lengths` to `logits`."""
        normalization = self.description.normalization
        values, lengths = transform_of(normalization).in_onnx(self, normalization, "values", "lengths")
        tokens = self.node("Cast", values, to=1)
        inside = self.node("Transpose", self.inside(values, lengths), perm=[1, 0, 2])
        column = self.node("Unsqueeze", lengths, self.constant("axis1", np.array([1])))
        steps, ends = self.recurrence(self.node("Transpose", tokens, perm=[1, 0, 2]), lengths)
        summary = self.readout(steps, ends, inside, column)
        if self.description.architecture.head_hidden:
            summary = self.node("Tanh", self.linear(summary, "head.0"))
            self.linear(summary, "head.2", output="logits")
        else:
            self.linear(summary, "head", output="logits")

    def node(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add a node of one output; its name."""
        return self.nodes_of(
            operator, inputs, [output or f"{operator.lower()}{len(self.nodes)}"], attributes
        )[0]

    def nodes_of(
        self, operator: str, inputs: tuple[str, ...], outputs: list[str], attributes: dict[str, Any]
    ) -> list[str]:
        """Add a node; its outputs."""
        from onnx import helper

        self.nodes.append(helper.make_node(operator, list(inputs), outputs, **attributes))
        return outputs

    def constant(self, name: str, array: NDArray[Any]) -> str:
        """Add a constant; its name, with a number behind it where another has that name."""
        found, number = name, 1
        while found in self.constants and not _same(self.constants[found], array):
            found, number = f"{name}.{number}", number + 1
        self.constants[found] = np.ascontiguousarray(array).reshape(array.shape)
        return found

    def inside(self, values: str, lengths: str) -> str:
        """Add which steps belong to a sequence, `[batch, length, 1]`; its name."""
        column = self.node("Unsqueeze", lengths, self.constant("axis1", np.array([1])))
        total = self.node("Squeeze", self.node("Shape", values, start=1, end=2))
        time = self.node(
            "Range", self.constant("zero", np.array(0)), total, self.constant("one", np.array(1))
        )
        return self.node("Unsqueeze", self.node("Less", time, column), self.constant("axis2", np.array([2])))

    def recurrence(self, tokens: str, lengths: str) -> tuple[str, str]:
        """Add all layers; gives the top one's steps `[length, batch, directions * H]` and its ends `[directions, batch, H]`."""
        architecture = self.description.architecture
        lengths = self.node("Cast", lengths, to=6)  # int32
        attributes: dict[str, Any] = {"hidden_size": architecture.hidden}
        if architecture.bidirectional:
            attributes["direction"] = "bidirectional"
        if architecture.cell == "gru":
            attributes["linear_before_reset"] = 1
        if architecture.cell in ACTIVATIONS:
            attributes["activations"] = [ACTIVATIONS[architecture.cell]] * architecture.directions
        joined = self.constant("joined", np.array([0, 0, -1]))
        ends = ""
        for layer in range(architecture.layers):
            weights = [
                self.constant(f"layer{layer}.{name}", array)
                for name, array in zip("WRB", self.weights(layer), strict=True)
            ]
            steps, ends = self.nodes_of(
                OPERATORS[architecture.cell],
                (tokens, *weights, lengths),
                [f"layer{layer}.steps", f"layer{layer}.ends"],
                attributes,
            )
            tokens = self.node("Reshape", self.node("Transpose", steps, perm=[0, 2, 1, 3]), joined)
        return tokens, ends

    def weights(self, layer: int) -> list[NDArray[np.float32]]:
        """Give W `[directions, G * H, D]`, R `[directions, G * H, H]` and B `[directions, 2 * G * H]` of a layer."""
        architecture = self.description.architecture
        ours = RECURRENT_CELLS[architecture.cell].gates
        order = [ours.index(gate) for gate in GATES.get(architecture.cell, ours)]
        stacked = []
        for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            suffixes = [direction_names(layer, direction)[1] for direction in range(architecture.directions)]
            arrays = [self.state[f"rnn.{part}_{suffix}"] for suffix in suffixes]
            stacked.append(
                np.stack(
                    [np.concatenate([np.split(array, len(ours))[gate] for gate in order]) for array in arrays]
                )
            )
        return [*stacked[:2], np.concatenate(stacked[2:], 1)]

    def readout(self, steps: str, ends: str, inside: str, lengths: str) -> str:
        """Add what the head sees, `[batch, F]`."""
        parts = []
        for name in self.description.architecture.readout:
            time = "" if name == "last" else self.constant("axis0", np.array([0]))
            if name == "last":
                flat = self.constant("flat", np.array([0, -1]))
                parts.append(self.node("Reshape", self.node("Transpose", ends, perm=[1, 0, 2]), flat))
            elif name == "mean":
                outside = self.constant("outside_sum", np.array(0, np.float32))
                total = self.node("ReduceSum", self.node("Where", inside, steps, outside), time, keepdims=0)
                parts.append(self.node("Div", total, self.node("Cast", lengths, to=1)))
            else:
                outside = self.constant("outside_maximum", np.array(-np.inf, np.float32))
                kept = self.node("Where", inside, steps, outside)
                parts.append(self.node("ReduceMax", kept, time, keepdims=0))
        return self.node("Concat", *parts, axis=1) if len(parts) > 1 else parts[0]

    def linear(self, inputs: str, name: str, output: str = "") -> str:
        """Add an nn.Linear."""
        weight, bias = (
            self.constant(f"{name}.{part}", self.state[f"{name}.{part}"]) for part in ("weight", "bias")
        )
        return self.node("Gemm", inputs, weight, bias, output=output, transB=1)


def _same(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
