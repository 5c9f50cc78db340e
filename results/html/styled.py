"""A template as one HTML file in our style: no network, no script, nothing in it that commands."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from seqsweep.results.shown import shown, shown_lines


def styled(template: str, helpers: Mapping[str, Any], **values: Any) -> str:
    """Fill a template of this package. Whatever comes from data is escaped, and what nobody sees in it shown; nothing in it is
    fetched or run, and its own policy says so.

    Args:
        template: the file's name.
        helpers: what it and what it includes may call.
        values: what it shows; `style` and `policy` are ours.
    """
    environment = Environment(
        loader=PackageLoader("seqsweep.results.html"),
        autoescape=True,
        finalize=_seen,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= helpers
    environment.filters["name"] = name
    loader = environment.loader
    assert loader is not None
    style = loader.get_source(environment, "style.css")[0]
    page = environment.get_template(template).render(style=Markup(style), policy=_policy(style), **values)
    return shown_lines(page)  # the last gate: whatever went past the others


def name(text: str) -> Markup:
    """Isolate a name that others gave, lest its script turns what stands beside it; it wraps where it is long."""
    return Markup("<bdi>{}</bdi>").format(shown(text))


def _seen(value: Any) -> Any:
    """Show whatever a template puts on the page; markup is ours."""
    return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _policy(style: str) -> str:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
