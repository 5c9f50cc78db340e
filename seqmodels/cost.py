"""Counts the work of training an architecture, in units that only compare."""

from __future__ import annotations

from seqsweep.seqmodels.architecture import Architecture

GATES = {"rnn_tanh": 1, "rnn_relu": 1, "gru": 3, "lstm": 4}


def cost(architecture: Architecture, features: int, tokens: int) -> float:
    """Estimate the relative work of one lane's epoch: recurrent weights (gates x hidden x inputs) times tokens."""
    hidden, directions = architecture.hidden, architecture.directions
    inputs = features + (architecture.layers - 1) * hidden * directions
    weights = GATES[architecture.cell] * hidden * directions * (inputs + architecture.layers * hidden)
    return float(weights * tokens)
