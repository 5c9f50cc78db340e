"""How hard the embedded data sets are: a plain tanh RNN against a GRU and an LSTM, by plain padded torch.nn.

python benchmarks/synthetic_difficulty.py            # the table of docs/synthetic-data.md, about ten minutes
python benchmarks/synthetic_difficulty.py --data handwriting --cells lstm --lr 0.005 --epochs 40 --seeds 0
"""

import argparse
import time

import numpy as np
import torch
from torch import nn

from seqmodels.data.generators import handwriting, syllables

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
    """Test accuracy after each epoch."""
    torch.manual_seed(seed)
    train, test = tensors(dataset, False), tensors(dataset, True)
    model = Classifier(cell, train[0].shape[2], len(dataset.class_names), hidden, layers)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    history = []
    for _ in range(epochs):
        for rows in torch.randperm(len(train[2])).split(batch):
            length = train[1][rows]
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(train[0][rows, : length.max()], length), train[2][rows])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        history.append(accuracy(model, test))
    return history, accuracy(model, train)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", nargs="+", choices=["handwriting", "syllables"], default=["handwriting", "syllables"]
    )
    parser.add_argument("--cells", nargs="+", choices=list(CELLS), default=list(CELLS))
    parser.add_argument("--layers", nargs="+", type=int, default=[1])
    parser.add_argument("--lr", nargs="+", type=float, default=[1e-3, 3e-3])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(
        "test accuracy in percent: after 5, 10, 15, 20, 30, 40, ... epochs; best epoch; train accuracy at the end"
    )
    for name in options.data:
        dataset = {"handwriting": handwriting, "syllables": syllables}[name].generate()
        for cell in options.cells:
            for layers in options.layers:
                for lr in options.lr:
                    for seed in options.seeds:
                        began = time.perf_counter()
                        history, train = measure(dataset, cell, layers, lr, options.epochs, seed)
                        shown = [
                            e for e in (5, 10, 15, *range(20, options.epochs + 1, 10)) if e <= options.epochs
                        ]
                        figures = " ".join(f"{100 * history[e - 1]:5.1f}" for e in shown)
                        print(
                            f"{name:11s} {cell:8s} x{layers} lr {lr:<7g} seed {seed}  {figures}  best {100 * max(history):5.1f}"
                            f"  train {100 * train:5.1f}  {time.perf_counter() - began:4.0f} s",
                            flush=True,
                        )


if __name__ == "__main__":
    main()
