"""The oracle of the core: one model as anybody would write it with torch.nn, trained alone with torch.optim.

It takes from seqmodels only the initial weights and the random draws.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.hyperparameters import Hyperparameters, Lane
from seqsweep.seqmodels.lanes import Tokens
from seqsweep.seqmodels.randomness import Purpose, normal, permutation, uniform
from seqsweep.seqmodels.testing.conformance import MODULES
from seqsweep.seqmodels.training_config import TrainingConfig


class PlainModel(nn.Module):
    """Multi-layer `torch.nn` recurrence over a PackedSequence, a readout of padded outputs, a head."""

    def __init__(self, architecture: Architecture, features: int, classes: int) -> None:
        super().__init__()
        a = self.architecture = architecture
        self.rnn = MODULES[a.cell](
            features, a.hidden, num_layers=a.layers, bidirectional=a.bidirectional, batch_first=True
        )
        summary = a.hidden * (2 if a.bidirectional else 1) * len(a.readout)
        self.head: nn.Module
        if a.head_hidden:
            self.head = nn.Sequential(
                nn.Linear(summary, a.head_hidden), nn.Tanh(), nn.Linear(a.head_hidden, classes)
            )
        else:
            self.head = nn.Linear(summary, classes)

    def forward(self, sequences: Sequence[Tensor], masks: Sequence[Tensor] | None = None) -> Tensor:
        """Logits `[B, C]`; dropout masks as `[sum of lengths, F]` between layers, the last `[B, F]`."""
        length = torch.tensor([len(s) for s in sequences])
        packed = pack_padded_sequence(
            nn.utils.rnn.pad_sequence(list(sequences), batch_first=True),
            length,
            batch_first=True,
            enforce_sorted=False,
        )
        if masks is None:
            output, state = self.rnn(packed)
        else:
            output, state = self._layer_by_layer(packed, length, masks)
        final = state[0] if isinstance(state, tuple) else state
        padded, _ = pad_packed_sequence(output, batch_first=True)
        outside = torch.arange(padded.shape[1]) >= length[:, None]
        parts = {
            "last": torch.cat([final[-2], final[-1]], 1) if self.architecture.bidirectional else final[-1],
            "mean": padded.sum(1) / length[:, None],
            "max": padded.masked_fill(outside[..., None], -torch.inf).amax(1),
        }
        summary = torch.cat([parts[name] for name in self.architecture.readout], 1)
        return self.head(summary if masks is None else summary * masks[-1])

    def _layer_by_layer(
        self, packed: PackedSequence, length: Tensor, masks: Sequence[Tensor]
    ) -> tuple[PackedSequence, Tensor | tuple[Tensor, Tensor]]:
        a = self.architecture
        weights = dict(self.rnn.named_parameters())
        for layer in range(a.layers):
            features = packed.data.shape[1]
            module = MODULES[a.cell](features, a.hidden, bidirectional=a.bidirectional, batch_first=True)
            own = {
                name.replace(f"_l{layer}", "_l0"): value
                for name, value in weights.items()
                if name.endswith((f"_l{layer}", f"_l{layer}_reverse"))
            }
            packed, state = torch.func.functional_call(module, own, (packed,))
            if layer + 1 < a.layers:
                padded, _ = pad_packed_sequence(packed, batch_first=True)
                mask = nn.utils.rnn.pad_sequence(masks[layer].split(length.tolist()), batch_first=True)
                packed = pack_padded_sequence(padded * mask, length, batch_first=True, enforce_sorted=False)
        return packed, state


def plain_optimizer(h: Hyperparameters, parameters: Iterator[Tensor]) -> torch.optim.Optimizer:
    shared = {"lr": h.lr, "weight_decay": h.weight_decay}
    if h.optimizer == "sgd":
        return torch.optim.SGD(parameters, momentum=h.momentum, nesterov=h.nesterov, **shared)
    if h.optimizer == "rmsprop":
        return torch.optim.RMSprop(parameters, alpha=h.alpha, eps=h.eps, momentum=h.momentum, **shared)
    of = torch.optim.AdamW if h.optimizer == "adamw" else torch.optim.Adam
    return of(parameters, betas=(h.beta1, h.beta2), eps=h.eps, **shared)


def plain_scheduler(
    h: Hyperparameters, optimizer: torch.optim.Optimizer, total: int
) -> torch.optim.lr_scheduler.LRScheduler:
    if h.schedule == "cosine":
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=total)
    if h.schedule == "one_cycle":
        return torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=h.lr, total_steps=total, cycle_momentum=False
        )
    return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)


def dropout_masks(
    architecture: Architecture, lane: Lane, length: Sequence[int], epoch: int, step: int
) -> list[Tensor] | None:
    rate = lane.hyperparameters.dropout
    if not rate:
        return None
    width = architecture.hidden * (2 if architecture.bidirectional else 1)
    shapes = [(int(sum(length)), width)] * (architecture.layers - 1)
    shapes.append((len(length), width * len(architecture.readout)))
    return [
        torch.from_numpy(
            uniform(lane.seed, Purpose.DROPOUT, shape, epoch=epoch, step=step, layer=layer) >= rate
        ).double()
        / (1 - rate)
        for layer, shape in enumerate(shapes)
    ]


@dataclass
class PlainEpoch:
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    state: dict[str, Tensor]


def train_plain(
    model: PlainModel,
    lane: Lane,
    dataset: SequenceDataset,
    train: np.ndarray,
    validation: np.ndarray,
    config: TrainingConfig,
) -> list[PlainEpoch]:
    """Train `model` (float64) for all of `config.epochs`; no early stop."""
    h = lane.hyperparameters
    optimizer = plain_optimizer(h, model.parameters())
    batches = -(-len(train) // config.batch_size)
    scheduler = plain_scheduler(h, optimizer, batches * config.epochs)
    label = torch.from_numpy(dataset.label)
    weights = None
    if config.class_weights == "balanced":
        classes = np.arange(dataset.class_count)
        weights = torch.from_numpy(compute_class_weight("balanced", classes=classes, y=dataset.label[train]))
    history = []
    for epoch in range(1, config.epochs + 1):
        order = train[permutation(lane.seed, len(train), epoch=epoch)]
        loss_sum, correct = 0.0, 0
        for step in range(batches):
            batch = order[step * config.batch_size : (step + 1) * config.batch_size]
            sequences = [torch.from_numpy(dataset.sequence(i)).double() for i in batch]
            length = [len(s) for s in sequences]
            if h.input_noise:
                shape = (sum(length), dataset.feature_count)
                noise = torch.from_numpy(normal(lane.seed, Purpose.NOISE, shape, epoch=epoch, step=step))
                sequences = [
                    s + h.input_noise * n.double()
                    for s, n in zip(sequences, noise.split(length), strict=True)
                ]
            logits = model(sequences, dropout_masks(model.architecture, lane, length, epoch, step))
            loss = nn.CrossEntropyLoss(weights, label_smoothing=h.label_smoothing)(logits, label[batch])
            optimizer.zero_grad()
            loss.backward()
            if h.clip_norm is not None:
                nn.utils.clip_grad_norm_(model.parameters(), h.clip_norm)
            optimizer.step()
            if (epoch, step) != (config.epochs, batches - 1):  # OneCycleLR refuses a step too many
                scheduler.step()
            loss_sum += loss.item() * len(batch)
            correct += int((logits.argmax(1) == label[batch]).sum())
        with torch.no_grad():
            logits = model([torch.from_numpy(dataset.sequence(i)).double() for i in validation])
        wanted = label[validation]
        history.append(
            PlainEpoch(
                loss_sum / len(train),
                correct / len(train),
                nn.functional.cross_entropy(logits, wanted).item(),
                (logits.argmax(1) == wanted).double().mean().item(),
                {name: value.clone() for name, value in model.state_dict().items()},
            )
        )
    return history


def small_dataset(
    count: int = 40, *, features: int = 3, classes: int = 3, longest: int = 14, seed: int = 0
) -> SequenceDataset:
    """Noisy oscillations whose frequency is the class; unsorted lengths of 1 to `longest` with ties."""
    generator = np.random.default_rng(seed)
    length = generator.integers(1, longest + 1, count)
    length[:4] = [1, longest, 1, longest // 2]
    label = generator.permutation(np.arange(count) % classes)
    sequences = []
    for size, kind in zip(length, label, strict=True):
        phase = generator.uniform(0, 2 * np.pi, features)
        wave = np.sin(0.5 * (kind + 1) * np.arange(size)[:, None] + phase) + 0.3 * (kind - 1)
        sequences.append(wave + 0.2 * generator.normal(size=wave.shape))
    return SequenceDataset.from_sequences(
        "waves",
        sequences,
        label=label,
        class_names=[f"class{i}" for i in range(classes)],
        ids=[f"s{i}" for i in range(count)],
        is_test=np.arange(count) % 5 == 0,
        synthetic=True,
    )


def tokens_of(dataset: SequenceDataset, dtype: torch.dtype = torch.float64) -> Tokens:
    return Tokens(
        torch.from_numpy(dataset.tokens).to(dtype),
        torch.from_numpy(dataset.start),
        torch.from_numpy(dataset.length),
        torch.from_numpy(dataset.label),
    )
