"""Constraints: `hidden * layers <= 512`, read by a small grammar and never run as Python.

Numbers, texts, `true`, `false`, `off`; names of architecture axes and hyperparameters; `+ - * / // %`; `< <= > >= == !=`, `in` a
list; `and`, `or`, `not`. What cannot be computed (a division by 0, a number that is `off`) makes a comparison of sizes false.
"""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

from seqsweep.seqmodels.architecture import READOUTS, Architecture
from seqsweep.seqmodels.cells import CELLS
from seqsweep.seqmodels.hyperparameters import HYPERPARAMETER_RULES, OPTIMIZERS, SCHEDULES
from seqsweep.sweeps.errors import did_you_mean, shown
from seqsweep.sweeps.spec.space import Point

LONGEST = 300
NUMBER, TEXT, TRUTH, NOTHING = "a number", "a text", "true or false", "`off`"
AXES = (*(field.name for field in fields(Architecture)), "batch_size")
_FIELD_KINDS = {"str": TEXT, "int": NUMBER, "bool": TRUTH}  # tuples are texts joined by +
_RULE_KINDS: Mapping[type, str] = {float: NUMBER, str: TEXT, bool: TRUTH}
_KINDS = (
    {field.name: _FIELD_KINDS.get(str(field.type), TEXT) for field in fields(Architecture)}
    | {"batch_size": NUMBER}
    | {name: _RULE_KINDS[rule.kind] for name, rule in HYPERPARAMETER_RULES.items()}
)
_TEXTS: Mapping[str, Sequence[str]] = {
    **{field.name: READOUTS for field in fields(Architecture) if str(field.type).startswith("tuple")},
    "cell": CELLS,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
}
_WORDS = {"true": (TRUTH, True), "false": (TRUTH, False), "off": (NOTHING, None)}
_ARITHMETIC: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_SIZES: Mapping[type, Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}

_Value = Callable[[Point], Any]


@dataclass(frozen=True)
class Constraint:
    """A rule about values that go together.

    Args:
        text: as the spec has it.
        names: the axes and hyperparameters that it reads.
        holds: whether a trial and candidate, the values of all names, keep it.
    """

    text: str
    names: frozenset[str]
    holds: Callable[[Point], bool]

    @property
    def of_axes(self) -> bool:
        """Whether it reads nothing but the architecture."""
        return self.names <= set(AXES)


@lru_cache(maxsize=1000)
def read_constraint(text: str) -> Constraint:
    """Read a constraint.

    Raises:
        ValueError: with a whole predicate, `is "...", but ...`.
    """
    said = f"is {shown(text)}, but"
    if len(text) > LONGEST:
        raise ValueError(f"is longer than {LONGEST} characters, but must be shorter: write several")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python about Python
            tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"{said} must be a comparison such as `hidden * layers <= 512`") from None
    reader = _Reader()
    try:
        kind, holds = reader.read(tree)
    except ValueError as error:
        raise ValueError(f"{said} {error}") from None
    if kind != TRUTH:
        raise ValueError(f"{said} must be a comparison such as `hidden * layers <= 512`, and this is {kind}")
    if not reader.names:
        raise ValueError(f"{said} must name a hyperparameter or an axis of [architecture]")
    return Constraint(text, frozenset(reader.names), holds)


class _Reader:
    """Makes functions of the parts of an expression, and gathers the names."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def read(self, node: ast.expr) -> tuple[str, _Value]:
        """The kind of a part, and the function that computes it."""
        if isinstance(node, ast.Constant):
            return _constant(node.value)
        if isinstance(node, ast.Name):
            return self._name(node.id)
        if isinstance(node, ast.BoolOp):
            parts = [self._truth(each) for each in node.values]
            if isinstance(node.op, ast.And):
                return TRUTH, lambda point: all(part(point) for part in parts)
            return TRUTH, lambda point: any(part(point) for part in parts)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = self._truth(node.operand)
            return TRUTH, lambda point: not inner(point)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            number = self._number(node.operand)
            sign = -1.0 if isinstance(node.op, ast.USub) else 1.0
            return NUMBER, lambda point: _computed(operator.mul, sign, number(point))
        if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            compute = _ARITHMETIC[type(node.op)]
            left, right = self._number(node.left), self._number(node.right)
            return NUMBER, lambda point: _computed(compute, left(point), right(point))
        if isinstance(node, ast.Compare):
            return TRUTH, self._comparison(node)
        raise ValueError(f"may not have `{_cut(node)}`: {_MAY_HAVE}")

    def _name(self, name: str) -> tuple[str, _Value]:
        if name in _WORDS:
            kind, value = _WORDS[name]
            return kind, lambda _: value
        if name not in _KINDS:
            raise ValueError(
                f"`{name}` is neither a hyperparameter nor an axis of [architecture]{did_you_mean(name, _KINDS)}"
            )
        self.names.add(name)
        if _KINDS[name] == NUMBER:
            return NUMBER, lambda point: None if point[name] is None else float(point[name])
        return _KINDS[name], lambda point: point[name]

    def _truth(self, node: ast.expr) -> _Value:
        kind, value = self.read(node)
        if kind != TRUTH:
            raise ValueError(f"`{_cut(node)}` is {kind}, and `and`, `or`, `not` join comparisons")
        return value

    def _number(self, node: ast.expr) -> _Value:
        kind, value = self.read(node)
        if kind != NUMBER:
            raise ValueError(f"`{_cut(node)}` is {kind}, and must be a number there")
        return value

    def _comparison(self, node: ast.Compare) -> _Value:
        parts = []
        nodes = [node.left, *node.comparators]
        for op, left, right in zip(node.ops, nodes, nodes[1:], strict=False):
            if type(op) in _SIZES:
                parts.append(_sizes(_SIZES[type(op)], self._number(left), self._number(right)))
            elif isinstance(op, ast.Eq | ast.NotEq):
                parts.append(self._equal(left, right, isinstance(op, ast.Eq)))
            elif isinstance(op, ast.In | ast.NotIn):
                parts.append(self._inside(left, right, isinstance(op, ast.In)))
            else:
                raise ValueError(f"may not have `{_cut(node)}`: {_MAY_HAVE}")
        return lambda point: all(part(point) for part in parts)

    def _equal(self, left: ast.expr, right: ast.expr, wanted: bool) -> _Value:
        (one_kind, one), (other_kind, other) = self.read(left), self.read(right)
        if {one_kind, other_kind} == {NUMBER, NOTHING}:
            name = left if one_kind == NUMBER else right
            if not (isinstance(name, ast.Name) and _may_be_off(name.id)):
                raise ValueError(f"`{_cut(name)}` is never `off`")
        elif one_kind != other_kind:
            raise ValueError(
                f"`{_cut(left)}` is {one_kind}, and `{_cut(right)}` is {other_kind}: they are never equal"
            )
        for name, value in ((left, right), (right, left)):
            _check_text(name, value)
        if one_kind == TEXT:
            return lambda point: (_parts(one(point)) == _parts(other(point))) == wanted
        return lambda point: (one(point) == other(point)) == wanted

    def _inside(self, left: ast.expr, right: ast.expr, wanted: bool) -> _Value:
        if not isinstance(right, ast.List | ast.Tuple | ast.Set) or not right.elts:
            raise ValueError(f"`{_cut(right)}` must be a list, such as [1, 2], after `in`")
        parts = [self._equal(left, each, True) for each in right.elts]
        return lambda point: any(part(point) for part in parts) == wanted


_MAY_HAVE = "only numbers, texts, names, + - * / // %, comparisons, `in`, `and`, `or` and `not`"


def _constant(value: Any) -> tuple[str, _Value]:
    if isinstance(value, bool):
        return TRUTH, lambda _: value
    if isinstance(value, int | float):
        number = float(value)  # at most 300 digits
        return NUMBER, lambda _: number
    if isinstance(value, str):
        return TEXT, lambda _: value
    raise ValueError(f"may not have {shown(str(value))}: {_MAY_HAVE}")


def _computed(compute: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    if left is None or right is None:
        return None
    try:
        return compute(left, right)
    except ZeroDivisionError:
        return None


def _sizes(compare: Callable[[Any, Any], bool], left: _Value, right: _Value) -> _Value:
    def holds(point: Point) -> bool:
        one, other = left(point), right(point)
        return one is not None and other is not None and compare(one, other)

    return holds


def _may_be_off(name: str) -> bool:
    return name in HYPERPARAMETER_RULES and HYPERPARAMETER_RULES[name].optional


def _parts(text: str) -> frozenset[str]:
    return frozenset(text.replace(" ", "").split("+"))


def _check_text(name: ast.expr, value: ast.expr) -> None:
    if not (isinstance(name, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str)):
        return
    known = _TEXTS.get(name.id, ())
    if _parts(value.value) <= set(known):
        return
    raise ValueError(
        f"`{name.id}` is never {shown(value.value)}: it is one of {', '.join(known)}{did_you_mean(value.value, known)}"
    )


def _cut(node: ast.expr) -> str:
    text = ast.unparse(node)
    return text if len(text) <= 40 else f"{text[:37]}..."
