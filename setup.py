"""The compiled part of the package: the kernels of the `cpu` backend. Everything else is in pyproject.toml.

A plain shared library with a C interface, loaded by ctypes: it knows neither Python's nor torch's ABI, so one build serves every
version of both. It is optional: without a compiler the install succeeds and the `torch` backend serves.
"""

from pathlib import Path

from setuptools import Extension, setup

KERNELS = Path("seqmodels/backends/cpu/kernels")

setup(
    ext_modules=[
        Extension(
            "seqmodels.backends.cpu._kernels",
            sources=sorted(str(path) for path in KERNELS.glob("*.cpp")),
            depends=sorted(str(path) for path in KERNELS.glob("*.h")),
            language="c++",
            # no result hangs on the traps or on errno that these flags let the compiler forget
            extra_compile_args=[
                "-std=c++17",
                "-O3",
                "-g0",
                "-fvisibility=hidden",
                "-ffp-contract=fast",
                "-fno-trapping-math",
                "-fno-math-errno",
                "-pthread",
            ],
            extra_link_args=["-pthread"],
            optional=True,
        )
    ]
)
