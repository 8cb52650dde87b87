"""Rules of the source tree that no other test would notice: what may import what, what is public, what is typed."""

import ast
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import fasttrees
from tests.support.paths import ROOT

SOURCE = ROOT / "src" / "fasttrees"

# From the bottom up: a module imports only from its own layer's folder and from layers below.
LAYERS = [
    {"errors"},
    {"_runtime", "_textio"},
    {"_engine"},
    {"_parameters"},
    {"_eval", "_eval_avx2", "_eval_avx512"},
    {"_builds"},
    {"_inputs", "_modelfile"},
    {"_description"},
    {"model"},
    {"__init__", "_distributed"},
    {"_aws", "_reports", "_sagemaker.contract", "dask", "ray", "sklearn", "spark"},
    {"serving"},
    {"_sagemaker.batch_transform", "training"},
    {"comparison", "pipeline", "sharding", "verification"},
    {"cli"},
    {"__main__"},
]
LAYER = {name: number for number, names in enumerate(LAYERS) for name in names}


# Folders whose modules have layers of their own.
DIVIDED = ["_sagemaker"]


def module_of(path: Path) -> str:
    """The first name below the package: a file's own, or its folder's; two names in a folder that is divided."""
    names = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(names[: 2 if names[0] in DIVIDED else 1])


def files(*endings: str) -> list[Path]:
    return sorted(path for path in SOURCE.rglob("*") if path.suffix in endings)


def dotted_name(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts)


def imports(path: Path) -> set[str]:
    text = path.read_text()
    names = set(re.findall(r"^\s*(?:from|cimport|import) fasttrees\.(\w+)", text, re.MULTILINE))
    names |= set(re.findall(r"^\s*from fasttrees import (\w+)", text, re.MULTILINE))
    for folder in DIVIDED:
        parts = re.findall(rf"^\s*(?:from|import) fasttrees\.{folder}(?:\.| import )(\w+)", text, re.MULTILINE)
        names = (names - {folder}) | {f"{folder}.{part}" for part in parts}
    return names - {module_of(path)}


@pytest.mark.parametrize("path", files(".py", ".pyx", ".pxd"), ids=str)
def test_imports_run_downwards(path: Path) -> None:
    own = module_of(path)
    if own.partition(".")[2] == "__init__":
        assert not path.read_text()
        return
    assert own in LAYER, f"{own} has no layer"
    for name in imports(path):
        if own in ("cli", "__main__") and name not in LAYER:
            continue  # a public name of the package
        assert LAYER[name] < LAYER[own], f"{own} imports {name}"


def code_imports(path: Path) -> set[str]:
    """All modules that a file imports when it runs, those inside functions too; not what only a type checker reads."""
    text = path.read_text()
    if path.suffix != ".py":
        found = set()
        for match in re.finditer(
            r"^\s*(?:from|cimport) (fasttrees[\w.]*)(?: c?import (\([^)]*\)|.*))?$", text, re.MULTILINE
        ):
            names = re.findall(r"\w+", match.group(2) or "")
            found |= {match.group(1), *(f"{match.group(1)}.{name}" for name in names)}
        return found
    found = set()
    waiting: list[ast.AST] = [ast.parse(text)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting.extend(node.orelse)
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        waiting.extend(ast.iter_child_nodes(node))
    return {name for name in found if name.startswith("fasttrees")}


def module_name(path: Path) -> str:
    """The name of a file's module; a .pxd has the module of its .pyx."""
    return dotted_name(path).removesuffix(".__init__")


def test_no_circle_of_files() -> None:
    """No file imports, by way of others or inside a function, what imports it."""
    arrows: dict[str, set[str]] = {}
    for path in files(".py", ".pyx", ".pxd"):
        arrows.setdefault(module_name(path), set()).update(code_imports(path))
    for name, targets in arrows.items():
        targets &= arrows.keys() - {name}
        # "from package import module" needs the package's own names only if there is no such module
        targets -= {target.rpartition(".")[0] for target in targets}
    state: dict[str, int] = {}

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert state.get(name) != 1, " -> ".join([*trail[trail.index(name) :], name])
        if name not in state:
            state[name] = 1
            for target in sorted(arrows[name]):
                visit(target, (*trail, name))
            state[name] = 2

    for name in sorted(arrows):
        visit(name, ())


@pytest.mark.parametrize("path", files(".py", ".pyx", ".pxd"), ids=str)
def test_no_package_imports_the_private_names_of_another(path: Path) -> None:
    """Private rooms, such as _engine, are open to all above them; what is private inside a room stays in it."""
    own = module_of(path)
    for name in code_imports(path):
        room, *inside = name.split(".")[1:] or [""]
        if room and room != own:
            assert not [part for part in inside if part.startswith("_") and part != "__version__"], name


# Packages that only group modules.
EMPTY = ["_aws", "_engine", "_modelfile", "_runtime", "_sagemaker", "_textio"]


def test_public_names() -> None:
    for info in pkgutil.iter_modules(fasttrees.__path__):
        module = importlib.import_module(f"fasttrees.{info.name}")
        names = getattr(module, "__all__", None)
        if str(module.__file__).endswith(".py") and info.name not in ("__main__", *EMPTY):
            assert names is not None, info.name
            assert list(names) == sorted(names), info.name
            assert all(hasattr(module, name) for name in names), info.name
    public = {name for name in dir(fasttrees) if not name.startswith("_")}
    modules = {info.name for info in pkgutil.iter_modules(fasttrees.__path__)}
    assert public - modules <= set(fasttrees.__all__)


@pytest.mark.parametrize("path", files(".pyi"), ids=lambda path: path.stem)
def test_stubs_match_their_modules(path: Path) -> None:
    """Each class, function and parameter of a stub exists in the compiled module, in the same order."""
    module = importlib.import_module(dotted_name(path))
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            assert parameters(node) == list(inspect.signature(getattr(module, node.name)).parameters)
        elif isinstance(node, ast.ClassDef):
            cls = getattr(module, node.name)
            for item in node.body:
                if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                    assert hasattr(cls, item.target.id)
                elif isinstance(item, ast.FunctionDef) and item.name != "__init__":
                    member = inspect.getattr_static(cls, item.name)
                    if not item.decorator_list:
                        assert parameters(item) == list(inspect.signature(member).parameters)


def parameters(node: ast.FunctionDef) -> list[str]:
    return [argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]


def test_every_compiled_module_has_a_stub_if_python_imports_it() -> None:
    python = "\n".join(path.read_text() for path in files(".py"))
    for path in files(".pyx"):
        if re.search(rf"^\s*from {dotted_name(path)} import", python, re.MULTILINE):
            assert path.with_suffix(".pyi").exists(), path


def test_kernels_never_need_the_gil() -> None:
    """Every C function of the kernels says that it raises nothing and runs without the GIL."""
    engine = SOURCE / "_engine"
    for path in [engine / "rows.pxd", *sorted((engine / "kernels").glob("*.pxd"))]:
        text = path.read_text()
        for match in re.finditer(r"^cdef inline [^:]*\)([^:)]*):$", text, re.MULTILINE):
            assert match.group(1).strip() == "noexcept nogil", f"{path.name}: {match.group(0)}"


def test_one_version() -> None:
    match = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert match is not None
    assert fasttrees.__version__ == match.group(1)


@pytest.mark.parametrize("path", files(".pyx", ".pxd"), ids=str)
def test_cython_that_ruff_does_not_read(path: Path) -> None:
    """No line over 120 characters, nothing imported that is not used."""
    text = path.read_text()
    assert not [line for line in text.splitlines() if len(line) > 120]
    for match in re.finditer(r"^from [\w.]+ c?import (?:\(([^)]*)\)|(.*))$", text, re.MULTILINE):
        for name in re.findall(r"\w+", match.group(1) or match.group(2)):
            assert len(re.findall(rf"\b{name}\b", text)) > 1, f"{name} is not used"


def test_files_are_short() -> None:
    assert len((ROOT / "setup.py").read_text().splitlines()) <= 60
    for path in files(".py", ".pyx", ".pxd"):
        assert len(path.read_text().splitlines()) <= 400, path
    for path in (SOURCE / "_engine").rglob("*.pxd"):  # the kernels
        assert len(path.read_text().splitlines()) <= 250, path


TEST_MODULES = sorted((ROOT / "tests").rglob("*.py"))


@pytest.mark.parametrize("path", TEST_MODULES, ids=str)
def test_tests_share_helpers_by_the_support_folder(path: Path) -> None:
    """No test imports from another test or a conftest, none imports benchmarks, and none asserts on elapsed time."""
    text = path.read_text()
    imported = re.findall(r"^\s*(?:from|import) ((?:tests|benchmarks)[\w.]*)", text, re.MULTILINE)
    assert not [name for name in imported if not name.startswith("tests.support")]
    clocks = r"(perf_counter|process_time|monotonic)\(\)"
    assert not re.search(rf"assert .*{clocks}\s*-|- *begin\b.*<|- *start(ed)?\b\s*<", text)
