"""The `cpu` backend: C++ kernels that walk the flat tokens, called through a plain C interface."""
