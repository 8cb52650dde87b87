"""The compiled modules; everything else about the package stands in pyproject.toml.

FASTTREES_SANITIZE=1 builds them with bounds checks, AddressSanitizer and UndefinedBehaviorSanitizer (`make sanitize`).
FASTTREES_EXTENSIONS=0 leaves them out, for an editable install whose extensions are compiled in place (`make dev`).
"""

import os
import platform
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

SOURCES = Path("src/fasttrees").rglob("*.pyx") if os.environ.get("FASTTREES_EXTENSIONS", "1") != "0" else []
HEADERS = [str(path) for path in Path("src/fasttrees").rglob("*.hpp")]
SANITIZE = os.environ.get("FASTTREES_SANITIZE", "0") == "1"

# Builds of the kernels for newer processors, without fused multiply-adds; fasttrees._builds chooses among them.
LEVELS = {"_eval_avx2": ["-mavx2", "-mbmi2"], "_eval_avx512": ["-march=x86-64-v4", "-mno-fma"]}
if platform.machine() != "x86_64":
    LEVELS = dict.fromkeys(LEVELS)

# Contraction into fused multiply-adds would change bits. Trapping math would only keep comparisons from vectorising.
compile_args = ["-std=c++17", "-ffp-contract=off", "-fno-trapping-math", "-fvisibility=hidden"]
if SANITIZE:
    link_args = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
    compile_args += ["-O1", "-g", "-D_GLIBCXX_ASSERTIONS", *link_args]
else:
    # from_chars for doubles needs a new libstdc++: carry it along rather than ask the user's system for it.
    link_args = ["-static-libstdc++", "-static-libgcc", "-Wl,-s", "-Wl,--exclude-libs,ALL"]
    compile_args += ["-O3", "-g0"]

setup(
    ext_modules=cythonize(
        [
            Extension(
                ".".join(source.relative_to("src").with_suffix("").parts),
                [str(source)],
                language="c++",
                include_dirs=["src"],  # headers are named from the package on
                depends=HEADERS,
                extra_compile_args=compile_args + LEVELS.get(source.stem, []),
                extra_link_args=link_args,
            )
            for source in sorted(SOURCES)
            if LEVELS.get(source.stem, []) is not None
        ],
        nthreads=os.cpu_count() or 1,
        compiler_directives={
            "language_level": 3,
            "boundscheck": SANITIZE,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": False,
            "embedsignature": True,
            "auto_pickle": False,
        },
    ),
    options={"build_ext": {"parallel": os.cpu_count()}},
)
