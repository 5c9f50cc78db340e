"""The list of verbs in `seqsweep --help`, by what they are for."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from typer.core import TyperGroup


class Verbs(TyperGroup):
    """A command whose help lists its verbs under a heading each: the verb's `rich_help_panel`, without rich."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the lists, in the order in which the verbs were added."""
        verbs = [(name, verb) for name in self.list_commands(ctx) if (verb := self.get_command(ctx, name))]
        # one width for all lists, so that their columns stand below one another
        longest = max(len(name) for name, _ in verbs)
        limit = formatter.width - 6 - longest
        for heading, group in groupby(verbs, key=lambda each: getattr(each[1], "rich_help_panel", None)):
            with formatter.section(heading or "Commands"):
                formatter.write_dl(
                    [(name.ljust(longest), verb.get_short_help_str(limit)) for name, verb in group]
                )
