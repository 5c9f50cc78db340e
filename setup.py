"""The compiled part of the package: the kernels of the `cpu` backend. Everything else is in pyproject.toml.

A plain shared library with a C interface, loaded by ctypes: it knows neither Python's nor torch's ABI, so one build, and one
wheel a platform, serves every version of both. It is optional: without a compiler the install succeeds and the `torch` backend
serves.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

KERNELS = Path("seqsweep/seqmodels/backends/cpu/kernels")


class BuildLibrary(build_ext):
    """Compiles the sources side by side, and gives the library a name that every Python finds."""

    def build_extensions(self) -> None:
        """Compile as many sources at a time as there are cores."""
        one_after_another = self.compiler.compile

        def side_by_side(sources: list[str], **options: Any) -> list[str]:
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                found = pool.map(lambda source: one_after_another([source], **options), sources)
                return [name for names in found for name in names]

        self.compiler.compile = side_by_side
        super().build_extensions()

    def get_ext_filename(self, fullname: str) -> str:
        """Name it without a version of Python."""
        return str(Path(*fullname.split(".")).with_suffix(".so"))


class PlatformWheel(bdist_wheel):
    """Tags the wheel with the platform alone."""

    def get_tag(self) -> tuple[str, str, str]:
        """Name neither a Python nor its ABI."""
        return "py3", "none", super().get_tag()[2]


setup(
    cmdclass={"build_ext": BuildLibrary, "bdist_wheel": PlatformWheel},
    ext_modules=[
        Extension(
            "seqsweep.seqmodels.backends.cpu._kernels",
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
    ],
)
