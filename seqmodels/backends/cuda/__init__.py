"""The `cuda` backend: CUDA C++ compiled at run time; one thread block is one lane and a tile of its rows."""
