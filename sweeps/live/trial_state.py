"""Says how one trial stands, as it is seen from outside."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class TrialState:
    """One trial as it is seen from outside.

    Args:
        id: the plan's id.
        architecture, cell, dataset: what it trains, as shown.
        lanes: models in it.
        epochs: the most that a lane may train.
        cost: relative work of one lane's epoch.
        lane_epochs: of all lanes together, where none stops early; None: every lane trains them all.
    """

    id: str
    architecture: str
    cell: str
    dataset: str
    lanes: int
    epochs: int
    cost: float
    lane_epochs: int | None = None
    status: str = "waiting"  # running | finished | failed
    phase: str = ""
    epoch: int = 0
    active: int = 0
    waiting: int = 0
    diverged: int = 0
    work_done: float = 0.0
    work_total: float = 0.0
    work_resumed: float = 0.0  # of work_done, what an earlier run did
    busy_seconds: float = 0.0
    started: float = 0.0
    wall_seconds: float = 0.0
    accuracies: list[float] = field(default_factory=list)  # best lane's validation accuracy, epoch by epoch
    validation: tuple[float, ...] = ()
    test: tuple[float, ...] = ()
    message: str = ""

    @property
    def title(self) -> str:
        """`lstm x 2 x 100 · handwriting`."""
        return f"{self.architecture} · {self.dataset}"

    @property
    def planned(self) -> float:
        """Work as planned, before anything stopped early, in lane-epochs times cost."""
        count = self.lanes * self.epochs if self.lane_epochs is None else self.lane_epochs
        return count * self.cost

    @property
    def units(self) -> float:
        """Work that `busy_seconds` were spent on."""
        return max(0.0, self.work_done - self.work_resumed) * self.cost
