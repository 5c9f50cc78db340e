"""Schedules against torch.optim.lr_scheduler."""

import pytest
import torch

from seqsweep.seqmodels.schedules import learning_rate


def torch_rates(schedule: str, lr: float, total: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler = {
        "cosine": lambda: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=total),
        "one_cycle": lambda: torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=lr, total_steps=total, cycle_momentum=False
        ),
    }[schedule]()
    rates = []
    for step in range(total):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step < total - 1:
            scheduler.step()
    return rates


@pytest.mark.parametrize("schedule", ["cosine", "one_cycle"])
@pytest.mark.parametrize("total", [1, 2, 3, 4, 7, 10, 137, 1000])
def test_equals_torch(schedule: str, total: int) -> None:
    expected = torch_rates(schedule, 0.03, total)
    # torch's cosine is a recursion, ours the closed form: they drift apart by rounding only
    assert [learning_rate(schedule, 0.03, s, total) for s in range(total)] == pytest.approx(
        expected, rel=1e-9, abs=1e-15
    )


def test_constant() -> None:
    assert {learning_rate("constant", 0.03, s, 50) for s in range(50)} == {0.03}


@pytest.mark.parametrize(("step", "total"), [(-1, 5), (5, 5), (0, 0)])
def test_a_step_outside_is_refused(step: int, total: int) -> None:
    with pytest.raises(ValueError, match=f"`step` is {step}, but must be in 0"):
        learning_rate("cosine", 0.1, step, total)


def test_an_unknown_schedule_is_refused() -> None:
    with pytest.raises(ValueError, match="`schedule` is 'linear', but must be one of constant"):
        learning_rate("linear", 0.1, 0, 5)
