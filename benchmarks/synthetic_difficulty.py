"""How hard the embedded data sets are: a plain tanh RNN against a GRU and an LSTM, by plain padded torch.nn.

python benchmarks/synthetic_difficulty.py            # the table of docs/synthetic-data.md, about five minutes
python benchmarks/synthetic_difficulty.py --data handwriting --cells lstm --lr 0.005 --epochs 40 --seeds 0
"""

import argparse
import itertools
import time

import numpy as np
import torch
from torch import nn

from seqsweep.seqmodels.data.generators import handwriting, syllables

GENERATORS = {"handwriting": handwriting, "syllables": syllables}
CELLS = {"rnn_tanh": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


class Classifier(nn.Module):
    def __init__(self, cell, features, classes, hidden, layers):
        super().__init__()
        self.rnn = CELLS[cell](features, hidden, layers, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, padded, length):
        states, _ = self.rnn(padded)
        return self.head(states[torch.arange(len(length)), length - 1])


def tensors(dataset, test):
    chosen = np.flatnonzero(dataset.is_test == test)
    length = torch.as_tensor(dataset.length[chosen])
    padded = torch.zeros(len(chosen), int(length.max()), dataset.tokens.shape[1])
    for row, i in enumerate(chosen):
        first = dataset.start[i]
        padded[row, : length[row]] = torch.as_tensor(dataset.tokens[first : first + dataset.length[i]].copy())
    return padded, length, torch.as_tensor(dataset.label[chosen])


def accuracy(model, data):
    padded, length, label = data
    with torch.no_grad():
        return float((model(padded, length).argmax(1) == label).double().mean())


def measure(dataset, cell, layers, lr, epochs, seed, hidden=100, batch=32):
    """Mean training loss and test accuracy of each epoch."""
    torch.manual_seed(seed)
    train, test = tensors(dataset, False), tensors(dataset, True)
    model = Classifier(cell, train[0].shape[2], len(dataset.class_names), hidden, layers)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    losses, accuracies = [], []
    for _ in range(epochs):
        total = 0.0
        for rows in torch.randperm(len(train[2])).split(batch):
            length = train[1][rows]
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(train[0][rows, : length.max()], length), train[2][rows])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += loss.item() * len(rows)
        losses.append(total / len(train[2]))
        accuracies.append(accuracy(model, test))
    return losses, accuracies


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", nargs="+", choices=list(GENERATORS), default=list(GENERATORS))
    parser.add_argument("--cells", nargs="+", choices=list(CELLS), default=list(CELLS))
    parser.add_argument("--layers", nargs="+", type=int, default=[1])
    parser.add_argument(
        "--lr", nargs="+", type=float, help="default: 0.001 and 0.003 for rnn_tanh, else 0.005"
    )
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    options = parser.parse_args()
    torch.set_num_threads(1)
    shown = [epoch for epoch in (5, 10, 15, 20, 30, 40, 50, 60) if epoch <= options.epochs]
    print(f"test accuracy in percent after {shown} epochs")
    print(
        "kept: after the epoch of the lowest training loss; peak: the best of all epochs, chosen on test itself"
    )
    for name, cell, layers in itertools.product(options.data, options.cells, options.layers):
        dataset = GENERATORS[name].generate()
        rates = options.lr or ([1e-3, 3e-3] if cell == "rnn_tanh" else [5e-3])
        for lr, seed in itertools.product(rates, options.seeds):
            began = time.perf_counter()
            losses, accuracies = measure(dataset, cell, layers, lr, options.epochs, seed, batch=options.batch)
            figures = " ".join(f"{100 * accuracies[epoch - 1]:5.1f}" for epoch in shown)
            kept, peak = accuracies[int(np.argmin(losses))], max(accuracies)
            print(
                f"{name:11s} {cell:8s} x{layers} lr {lr:<6g} seed {seed}  {figures}"
                f"  kept {100 * kept:5.1f}  peak {100 * peak:5.1f}  {time.perf_counter() - began:4.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
