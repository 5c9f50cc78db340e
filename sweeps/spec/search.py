"""`[search]`: how candidates are drawn, how they are tried, and by what they are chosen."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator

from seqsweep.seqmodels.search_rule import SearchRule
from seqsweep.sweeps.errors import did_you_mean, shown
from seqsweep.sweeps.spec.fields import Section, must, says
from seqsweep.sweeps.spec.samplers.known import AT_ONCE, SAMPLERS


def _sampler(value: Any) -> str:
    if value not in AT_ONCE and isinstance(value, str) and value in SAMPLERS:
        raise says(
            f"is {shown(value)}, which draws in waves, by the scores of those before, but a sweep draws all candidates before "
            f"it starts: take {', '.join(AT_ONCE)}"
        )
    if not isinstance(value, str) or value not in SAMPLERS:
        raise must(f"one of {', '.join(AT_ONCE)}{did_you_mean(value, AT_ONCE)}")
    return value


class Search(Section):
    """`[search]`; see `seqsweep.seqmodels.search_rule.SearchRule`. `docs/spec.md` has descriptions and examples."""

    sampler: Annotated[str, PlainValidator(_sampler)] = Field(
        default="stratified",
        description="how candidates are drawn from `[hyperparameters]`: see below",
        examples=['sampler = "sobol"'],
    )
    method: Literal["halving", "full"] = Field(
        default="halving",
        description="`halving`: every candidate is trained from one seed for `first` of the epochs, the best `keep` of them go "
        "on to the end, and of these the best `finalists` are trained from all seeds; `full`: every candidate from every seed",
        examples=['method = "full"'],
    )
    first: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="share of the epochs before weak candidates are dropped; below 0.5 a schedule such as one_cycle says "
        "nothing yet of who will win",
        examples=["first = 0.5"],
    )
    keep: float = Field(
        default=1 / 3,
        gt=0,
        le=1,
        description="share of the candidates that go on then; at least 4 do, of each `schedule` in proportion",
        examples=["keep = 0.5"],
    )
    finalists: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="candidates that are trained from all seeds; left out: an eighth of the candidates, and at least 4",
        examples=["finalists = 4"],
    )
    metric: Literal["accuracy", "macro_f1", "balanced_accuracy"] = Field(
        default="accuracy",
        description="of the validation part: by which an epoch's weights are kept, and a candidate is chosen",
        examples=['metric = "macro_f1"'],
    )
    one_standard_error: bool = Field(
        default=False,
        description="choose, of the candidates within one standard error of the best, the one that needs the fewest epochs",
        examples=["one_standard_error = true"],
    )

    def rule(self) -> SearchRule:
        """Give it as the trial takes it."""
        return SearchRule(**self.model_dump(exclude={"sampler"}))
