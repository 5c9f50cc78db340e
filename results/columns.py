"""What outside programs rather see in columns."""

import pyarrow as pa


def plain(table: pa.Table) -> pa.Table:
    """Give the same table, names as text instead of dictionaries."""
    fields = [
        field.with_type(pa.string()) if pa.types.is_dictionary(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))
