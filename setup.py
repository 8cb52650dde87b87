"""The compiled modules; everything else about the package stands in pyproject.toml.

FASTTREES_SANITIZE=1 builds them with bounds checks, AddressSanitizer and UndefinedBehaviorSanitizer (`make sanitize`).
"""

import os
import platform
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

SANITIZE = os.environ.get("FASTTREES_SANITIZE", "0") == "1"

# Contraction into fused multiply-adds would change bits. Trapping math would only keep comparisons from vectorising.
compile_args = ["-std=c++17", "-ffp-contract=off", "-fno-trapping-math", "-fvisibility=hidden", "-g0", "-O3"]
link_args = []
if platform.system() == "Linux":
    # from_chars for doubles needs a new libstdc++: carry it along rather than ask the user's system for it.
    link_args += ["-static-libstdc++", "-static-libgcc", "-Wl,-s", "-Wl,--exclude-libs,ALL"]
if SANITIZE:
    sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-D_GLIBCXX_ASSERTIONS"]
    compile_args = [*compile_args[:-2], "-O1", "-g", *sanitizers]
    link_args = sanitizers[:2]

# Builds of the kernels for newer processors; fasttrees._engine chooses among them at import.
levels = {"_eval_avx2": ["-mavx2", "-mbmi2"], "_eval_avx512": ["-march=x86-64-v4", "-mno-fma"]}
if platform.machine() not in ("x86_64", "AMD64"):
    levels = {}

sources = [
    source
    for source in sorted(Path("src/fasttrees").glob("*.pyx"))
    if not source.stem.startswith("_eval_") or source.stem in levels
]

setup(
    ext_modules=cythonize(
        [
            Extension(
                f"fasttrees.{source.stem}",
                [str(source)],
                language="c++",
                extra_compile_args=[*compile_args, *levels.get(source.stem, [])],
                extra_link_args=link_args,
            )
            for source in sources
        ],
        compiler_directives={
            "language_level": 3,
            "boundscheck": SANITIZE,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": False,
            "auto_pickle": False,
            "embedsignature": True,
        },
    ),
    options={"build_ext": {"parallel": os.cpu_count()}},
)
