"""What a user of Ray Tune writes without seqsweep: one trial a model, `torch.nn`, Adam. `sweep_cpu.py` starts it as a process.

    python benchmarks/plain_tune.py JOB.json OUT.json

Kinder to itself than an ordinary user: batches are made without a DataLoader's overhead, only as long as their longest sequence;
packed input is read out by the final states, never padded again; denormal numbers are flushed to zero; Tune writes neither its
result files nor a dashboard.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from ray import tune
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

from seqsweep.cluster.local import cluster
from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.data.source import load
from seqsweep.seqmodels.data.splits import Splits, split

Part = tuple[list[Tensor], Tensor]  # sequences and their labels


class Classifier(nn.Module):
    def __init__(
        self, cell: str, features: int, hidden: int, layers: int, classes: int, padded: bool
    ) -> None:
        super().__init__()
        kind = {"rnn_tanh": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[cell]
        self.rnn = kind(features, hidden, layers, batch_first=True)
        self.head = nn.Linear(hidden, classes)
        self.padded = padded

    def forward(self, sequences: list[Tensor]) -> Tensor:
        length = torch.tensor([len(each) for each in sequences])
        x = pad_sequence(sequences, batch_first=True)
        if self.padded:
            states, _ = self.rnn(x)
            return self.head(states[torch.arange(len(length)), length - 1])
        _, final = self.rnn(pack_padded_sequence(x, length, batch_first=True, enforce_sorted=False))
        if isinstance(self.rnn, nn.LSTM):
            final = final[0]
        return self.head(final[-1])


def train_model(space: dict[str, Any], data: dict[str, tuple[SequenceDataset, Splits]]) -> None:
    config = space["model"]
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(config["seed"])
    device = config.get("device", "cpu")
    dataset, splits = data[config["dataset"]]
    train, validation, test = (
        part(dataset, index, device) for index in (splits.train, splits.validation, splits.test)
    )
    model = Classifier(
        config["cell"],
        dataset.feature_count,
        config["hidden"],
        config["layers"],
        dataset.class_count,
        config["padded"],
    ).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=config["lr"])
    steps = -(-len(train[0]) // config["batch_size"])
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config["lr"], total_steps=steps * config["epochs"], cycle_momentum=False
    )
    for epoch in range(1, config["epochs"] + 1):
        model.train()
        loss_sum = 0.0
        for rows in torch.randperm(len(train[0])).split(config["batch_size"]):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model([train[0][row] for row in rows]), train[1][rows])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), config["clip_norm"])
            optimizer.step()
            schedule.step()
            loss_sum += loss.item() * len(rows)
        metrics = {"train_loss": loss_sum / len(train[0])}
        metrics["validation_loss"], metrics["validation_accuracy"] = evaluate(model, validation)
        if epoch == config["epochs"]:
            _, metrics["test_accuracy"] = evaluate(model, test)
        tune.report(metrics)


def part(dataset: SequenceDataset, index: Any, device: str) -> Part:
    sequences = [
        torch.tensor(dataset.tokens[start : start + length], device=device)
        for start, length in zip(dataset.start[index], dataset.length[index], strict=True)
    ]
    return sequences, torch.tensor(dataset.label[index], device=device)


@torch.no_grad()
def evaluate(model: nn.Module, part: Part) -> tuple[float, float]:
    """Mean loss and accuracy."""
    model.eval()
    logits = model(part[0])
    return float(nn.functional.cross_entropy(logits, part[1])), float(
        (logits.argmax(1) == part[1]).double().mean()
    )


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    data = {}
    for name in job["datasets"]:
        dataset = load(name)
        data[dataset.name] = (dataset, split(dataset, fraction=job["fraction"]))
    with cluster(cpus=job["cores"]), tempfile.TemporaryDirectory() as scratch:
        results = tune.Tuner(
            tune.with_resources(
                tune.with_parameters(train_model, data=data), {"cpu": 1, "gpu": job.get("gpu", 0)}
            ),
            param_space={"model": tune.grid_search(job["models"])},
            tune_config=tune.TuneConfig(max_concurrent_trials=job["cores"], reuse_actors=job["reuse_actors"]),
            run_config=tune.RunConfig(storage_path=scratch, verbose=0),
        ).fit()
        if results.errors:
            raise results.errors[0]
        rows = [{**result.config["model"], **result.metrics} for result in results]
    Path(sys.argv[2]).write_text(json.dumps(rows, default=str))


if __name__ == "__main__":
    main()
