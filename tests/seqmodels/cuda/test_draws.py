"""Random draws on the device are those of numpy's Philox: order and dropout bit for bit, noise within a stated error."""

import numpy as np
import pytest
import torch

from seqsweep.seqmodels.backends.cuda.device import Kernel, Long
from seqsweep.seqmodels.randomness import Purpose, normal, permutation, uniform
from tests.support.cuda.emulator import COMPILER, Emulator

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler: none of g++, c++ is there")
SEEDS = torch.tensor([0, 7, 2**32 - 1])
EPOCH = torch.tensor([12], dtype=torch.int32)
STEP = torch.tensor([0, 3, 100], dtype=torch.int32)


def draws(name: str) -> Kernel:
    return Kernel("draws.cuh", name)


@pytest.mark.parametrize("count", [1, 4, 1021])
def test_the_order_of_an_epoch(count: int) -> None:
    keys = torch.full((3, count), -1)
    Emulator(1).launch(draws("order_keys"), (-(-count // 128), 3, 1), 32, 0, SEEDS, count, 12, keys)
    for seed, own in zip(SEEDS.tolist(), torch.argsort(keys, dim=1, stable=True), strict=True):
        assert own.tolist() == permutation(seed, count, epoch=12).tolist()


@pytest.mark.parametrize("in_place", [False, True])
def test_dropout(in_place: bool) -> None:
    rates, items, features, most = [0.0, 0.25, 0.9], [4, 7, 3], 13, 8
    values = torch.randn(3 * most, features)
    expected = torch.full_like(values, torch.nan)
    for lane, (rate, count) in enumerate(zip(rates, items, strict=True)):
        draw = uniform(
            int(SEEDS[lane]), Purpose.DROPOUT, (count, features), epoch=12, step=int(STEP[lane]), layer=2
        )
        mask = torch.from_numpy(draw >= np.float32(rate)).float() / (1 - rate)
        part = slice(lane * most, lane * most + count)
        expected[part] = values[part] * mask
    out = values if in_place else torch.full_like(values, torch.nan)
    kept = torch.tensor([1 - rate for rate in rates])
    arguments = (SEEDS, torch.tensor(rates), kept, STEP, EPOCH, 2, features, Long(most))
    Emulator(1).launch(draws("dropout"), (2, 3, 1), 32, 0, values, out, torch.tensor(items), *arguments)
    used = ~expected.isnan()
    assert torch.equal(out[used], expected[used])
    assert in_place or out[~used].isnan().all()


def test_noise() -> None:
    lengths = torch.tensor([[5, 1, 9], [2, 0, 4], [3, 3, 0]])
    features, most = 3, 16
    tokens = torch.randn(20, features)
    start = torch.tensor([[0, 5, 6], [18, 0, 3], [1, 1, 0]])
    lane_first = torch.arange(3)[:, None] * most
    offset = lane_first + lengths.cumsum(1) - lengths
    deviation = torch.tensor([0.5, 0.0, 2.0])
    noisy = torch.full((3 * most, features), torch.nan)
    arguments = (SEEDS, deviation, STEP, EPOCH, features, Long(most), noisy)
    Emulator(1).launch(draws("noisy_tokens"), (3, 3, 1), 32, 0, tokens, start, lengths, offset, *arguments)
    for lane in range(3):
        spans = zip(start[lane].tolist(), lengths[lane].tolist(), strict=True)
        clean = torch.cat([tokens[first : first + count] for first, count in spans])
        seed, step = int(SEEDS[lane]), int(STEP[lane])
        draw = torch.from_numpy(normal(seed, Purpose.NOISE, tuple(clean.shape), epoch=12, step=step))
        found = noisy[lane * most :][: len(clean)]
        torch.testing.assert_close(found, clean + deviation[lane] * draw, rtol=0, atol=4e-6)
        assert noisy[lane * most + len(clean) : (lane + 1) * most].isnan().all()
