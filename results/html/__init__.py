"""The report of a sweep as one HTML file: each section a template, each figure a function from a dataclass to markup."""

from seqsweep.results.html.page import render

__all__ = ["render"]
