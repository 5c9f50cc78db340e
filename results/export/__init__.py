"""Tables of a sweep for other programs and for papers: CSV, Parquet, LaTeX and Markdown."""

from seqsweep.results.export.encoding import FORMATS, encode
from seqsweep.results.export.tables import TABLES, Table, read_table

__all__ = ["FORMATS", "TABLES", "Table", "encode", "read_table"]
