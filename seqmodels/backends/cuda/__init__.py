"""The `cuda` backend: CUDA C++ compiled at run time; one thread block is one lane and a tile of its rows."""

from seqsweep.seqmodels.backends.cuda.backend import CudaBackend
from seqsweep.seqmodels.backends.cuda.gpu import first_gpu
from seqsweep.seqmodels.backends.cuda.shapes import padded_hidden

__all__ = ["CudaBackend", "first_gpu", "padded_hidden"]
