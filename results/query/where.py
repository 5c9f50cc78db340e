"""A condition on a table's columns, `cell == 'lstm' and lr < 0.01`, as an expression of pyarrow. Parsed, never evaluated."""

import ast
import math
import warnings
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from seqsweep.results.errors import Invalid

LONGEST = 2000  # characters
_WORDS = {"true": True, "false": False, "on": True, "null": None, "none": None, "off": None}
_COMPARISONS: dict[type[ast.cmpop], tuple[str, Callable[[Any, Any], pc.Expression]]] = {
    ast.Eq: ("==", lambda a, b: a == b),
    ast.NotEq: ("!=", lambda a, b: a != b),
    ast.Lt: ("<", lambda a, b: a < b),
    ast.LtE: ("<=", lambda a, b: a <= b),
    ast.Gt: (">", lambda a, b: a > b),
    ast.GtE: (">=", lambda a, b: a >= b),
}
_FLIPPED = {ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.GtE, ast.GtE: ast.LtE}


def column(name: str, schema: pa.Schema, table: str) -> str:
    """`name` where the table has such a column. Raises `Invalid` with the nearest one."""
    if name not in schema.names:
        near = get_close_matches(name, schema.names, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"it has {', '.join(schema.names)}"
        raise Invalid(f"table `{table}` has no column `{name}`; {hint}")
    return name


def where(text: str, schema: pa.Schema, table: str) -> tuple[pc.Expression, tuple[str, ...]]:
    """The expression, and the columns that it reads. Columns of names must be text (not dictionaries) where it is applied.

    Columns are compared (`==`, `!=`, `<`, `<=`, `>`, `>=`, `in`, `not in`) with text, numbers, `true`,
    `false`, `off` (null) and other columns; `and`, `or`, `not` and brackets join comparisons; a column of true and false stands
    alone. What is off equals `off` alone and is neither less nor more than anything.

    Raises `Invalid` that says what is wrong where.
    """
    if len(text) > LONGEST:
        raise Invalid(f"the condition has {len(text)} characters, but may have {LONGEST}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # Python's about its own source, such as an escape that it does not know
            tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        place = f" at character {error.offset}" if isinstance(error, SyntaxError) and error.offset else ""
        hint = "; equal is written ==" if "=" in text and "==" not in text else ""
        raise Invalid(
            f"the condition `{_short(text)}` cannot be read{place}: write like cell == 'lstm' and lr < 0.01{hint}"
        ) from None
    reader = _Reader(text, schema, table)
    try:
        return reader.condition(tree), tuple(reader.columns)
    except RecursionError:
        raise Invalid("the condition has too many parts within parts") from None


class _Reader:
    def __init__(self, text: str, schema: pa.Schema, table: str) -> None:
        self.text, self.schema, self.table = text, schema, table
        self.columns: dict[str, None] = {}

    def condition(self, node: ast.expr) -> pc.Expression:
        if isinstance(node, ast.BoolOp):
            parts = [self.condition(each) for each in node.values]
            joined = parts[0]
            for part in parts[1:]:
                joined = joined & part if isinstance(node.op, ast.And) else joined | part
            return joined
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return ~self.condition(node.operand)
        if isinstance(node, ast.Compare):
            operands = [node.left, *node.comparators]
            joined = self._comparison(operands[0], node.ops[0], operands[1])
            for left, operator, right in zip(operands[1:], node.ops[1:], operands[2:], strict=False):
                joined = joined & self._comparison(left, operator, right)
            return joined
        if isinstance(node, ast.Name):
            name = self._column(node)
            if self._kind(name) != "true or false":
                raise self._wrong(node, f"is {self._kind(name)}: compare it with something")
            return pc.field(name)
        raise self._wrong(node, "is no condition: compare a column with a value")

    def _comparison(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> pc.Expression:
        if isinstance(operator, ast.In | ast.NotIn):
            return self._membership(left, operator, right)
        if type(operator) not in _COMPARISONS:
            raise self._wrong(left, "is compared by `is`: write == or !=")
        if self._is_column(right) and not (isinstance(left, ast.Name) and left.id.lower() not in _WORDS):
            left, right = right, left
            operator = _FLIPPED.get(type(operator), type(operator))()
        name = self._column(left)
        sign, compare = _COMPARISONS[type(operator)]
        equality = isinstance(operator, ast.Eq | ast.NotEq)
        unequal = isinstance(operator, ast.NotEq)
        if self._is_column(right):
            other = self._column(right)
            if self._kind(name) != self._kind(other):
                raise self._wrong(right, f"is {self._kind(other)}, but `{name}` is {self._kind(name)}")
            both = pc.field(name).is_null() & pc.field(other).is_null()
            mine, theirs = self._alike(name, other)
            same = _certain(mine == theirs, False) | both
            if equality:
                return ~same if unequal else same
            return _certain(compare(mine, theirs), False)
        value = self._value(right, name)
        if value is None:
            if not equality:
                raise self._wrong(right, f"has no order: compare `{name}` with it by == or !=")
            return ~pc.field(name).is_null() if unequal else pc.field(name).is_null()
        if not equality and self._kind(name) == "true or false":
            raise self._wrong(left, f"is true or false, which {sign} does not order")
        return _certain(self._against(name, type(operator), value), unequal)

    def _membership(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> pc.Expression:
        if not isinstance(right, ast.Tuple | ast.List | ast.Set):
            raise self._wrong(right, "must be a list: [1, 2]")
        name = self._column(left)
        values = [self._value(each, name) for each in right.elts]
        found = pc.scalar(False)
        for value in values:
            same = (
                pc.field(name).is_null()
                if value is None
                else _certain(self._against(name, ast.Eq, value), False)
            )
            found = found | same
        return ~found if isinstance(operator, ast.NotIn) else found

    def _is_column(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id in self.schema.names

    def _column(self, node: ast.expr) -> str:
        if not isinstance(node, ast.Name):
            raise self._wrong(node, "must be a column to be compared with a value")
        name = column(node.id, self.schema, self.table)
        self.columns[name] = None
        return name

    def _value(self, node: ast.expr, name: str) -> Any:
        value: Any
        if isinstance(node, ast.Name):
            if node.id.lower() not in _WORDS:
                raise self._wrong(node, f"is no column: text is written in quotes, '{node.id}'")
            value = _WORDS[node.id.lower()]
            if self._kind(name) == "true or false" and value is None and node.id.lower() == "off":
                value = False  # as tables show it
        elif (
            isinstance(node, ast.UnaryOp)
            and isinstance(node.op, ast.USub)
            and isinstance(node.operand, ast.Constant)
        ):
            value = node.operand.value
            value = -value if isinstance(value, int | float) and not isinstance(value, bool) else node
        elif isinstance(node, ast.Constant):
            value = node.value
        else:
            raise self._wrong(node, "must be text in quotes, a number, true, false or off")
        kind = self._kind(name)
        fits = {"text": str, "a number": int | float, "true or false": bool}.get(kind)
        if fits is None:
            raise self._wrong(node, f"cannot be compared with `{name}`, which is {kind}")
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not (number if kind == "a number" else isinstance(value, fits)):
            raise self._wrong(node, f"is compared with `{name}`, which is {kind}")
        if isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value):
            raise self._wrong(node, "holds half a character (a lone surrogate), which no text here has")
        return value

    def _against(self, name: str, operator: type[ast.cmpop], value: Any) -> pc.Expression:
        """The column compared with a constant, exactly: Arrow rounds one of them to the other's type, or refuses."""
        kind = self.schema.field(name).type
        field = pc.field(name)
        if not pa.types.is_integer(kind) and not pa.types.is_floating(kind):
            return _COMPARISONS[operator][1](field, pc.scalar(value))
        integer = pa.types.is_integer(kind)
        near, above = _nearest_integer(value) if integer else _nearest_float(value)
        if above is not None:
            if operator in (ast.Eq, ast.NotEq):
                return pc.if_else(field.is_null(), pc.scalar(None), pc.scalar(operator is ast.NotEq))
            # of the neighbours of a constant that the column cannot hold, `near` is the one above or below
            smaller = operator in (ast.Lt, ast.LtE)
            operator = {
                (True, True): ast.Lt,
                (True, False): ast.LtE,
                (False, True): ast.GtE,
                (False, False): ast.Gt,
            }[smaller, above]
        return _COMPARISONS[operator][1](field, pc.scalar(near))

    def _alike(self, name: str, other: str) -> tuple[pc.Expression, pc.Expression]:
        """Two columns to be compared; integers beside floats become such, as Arrow refuses those beyond 2^53."""
        kinds = [self.schema.field(each).type for each in (name, other)]
        mixed = any(map(pa.types.is_floating, kinds)) and any(map(pa.types.is_integer, kinds))
        mine, theirs = (
            pc.field(each).cast(pa.float64(), safe=False)
            if mixed and pa.types.is_integer(kind)
            else pc.field(each)
            for each, kind in zip((name, other), kinds, strict=True)
        )
        return mine, theirs

    def _kind(self, name: str) -> str:
        kind = self.schema.field(name).type
        if pa.types.is_boolean(kind):
            return "true or false"
        if pa.types.is_integer(kind) or pa.types.is_floating(kind):
            return "a number"
        if pa.types.is_string(kind) or pa.types.is_dictionary(kind):
            return "text"
        return "a list"

    def _wrong(self, node: ast.expr, what: str) -> Invalid:
        said = ast.get_source_segment(self.text.strip(), node) or self.text
        return Invalid(f"in the condition, `{_short(said)}` {what}")


def _nearest_integer(value: float) -> tuple[int, bool | None]:
    """An int64 beside the number, and whether it lies above; None where it is the number itself."""
    if isinstance(value, float) and not math.isfinite(value):
        return (2**63 - 1, False) if value > 0 else (-(2**63), True)
    whole = math.floor(value)
    near = min(max(whole, -(2**63)), 2**63 - 1)
    return near, None if near == value else near > value


def _nearest_float(value: float) -> tuple[float, bool | None]:
    """A float64 beside the number, and whether it lies above; None where it is the number itself."""
    try:
        near = float(value)
    except OverflowError:
        near = math.inf if value > 0 else -math.inf
    return near, None if near == value else near > value


def _certain(expression: pc.Expression, otherwise: bool) -> pc.Expression:
    """Never null: `otherwise` where a side is."""
    return pc.coalesce(expression, pc.scalar(otherwise))


def _short(text: str) -> str:
    return text if len(text) <= 70 else f"{text[:67]}..."
