"""All instantiations of the recurrence's kernels."""

from collections.abc import Iterable, Iterator

from seqsweep.seqmodels.backends.cuda.device import Device, Kernel
from seqsweep.seqmodels.backends.cuda.shapes import (
    CELL_SHAPES,
    PADDED_HIDDEN,
    PRECISIONS,
    backward_shape,
    forward_shape,
)
from seqsweep.seqmodels.cells import CELLS


def recurrence_kernels(
    device: Device,
    precision: str,
    cells: Iterable[str] = CELLS,
    hidden: Iterable[int] = PADDED_HIDDEN,
    features: int = 3,
) -> Iterator[Kernel]:
    """What `RecurrencePass` launches on `device`, for narrow and for wide inputs."""
    yield Kernel("lane_tokens.cuh", "token_map")
    for cell in cells:
        struct = CELL_SHAPES[cell].struct
        for size in hidden:
            for shape in (
                forward_shape(device, cell, features, size, precision),
                backward_shape(device, cell, size, precision),
            ):
                yield from (shape.kernel, shape.pack)
        for file, name in (
            ("projection.cuh", "projection"),
            ("projection.cuh", "input_gradient"),
            ("weight_gradient.cuh", "weight_gradient"),
        ):
            yield Kernel(file, f"{name}<{struct}, {PRECISIONS[precision]}>")
        yield Kernel("weight_gradient.cuh", f"add_chunks<{struct}>")
