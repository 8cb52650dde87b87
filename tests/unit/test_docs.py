"""Pages are true where a machine can tell: links, anchors, commands, modules, paths and blocks of Python."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from fasttrees.cli import make_parser
from tests.support.paths import ROOT

IGNORED = {"build", "dist", "node_modules", "templates"}
PAGES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(part in IGNORED or (part.startswith(".") and part != ".github") for part in path.relative_to(ROOT).parts)
)
PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
PATH = re.compile(r"(?<![\w/.-])(?:docs|src|tests|benchmarks|container|examples)/[\w./-]*\w")
# Written by what the sentence names, and kept out of git.
MADE = ("benchmarks/build",)


def line_of(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as they are made where Markdown is shown."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        found.add(re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-"))
    return found


@PAGE
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    prose = FENCE.sub(lambda found: "\n" * found[0].count("\n"), text)
    for match in re.finditer(r"\]\(([^)\s]+)\)", prose):
        address, _, anchor = match[1].partition("#")
        if re.match(r"\w+:", address):
            continue
        target = (page.parent / address) if address else page
        where = f"{page.name}, line {line_of(prose, match.start())}: {match[1]}"
        assert target.exists(), where
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), where


def commands(text: str) -> list[tuple[int, str]]:
    """The commands of a page's console blocks, with their lines; lines that go on are joined."""
    found = []
    for block in FENCE.finditer(text):
        if block[2] not in ("console", "bash", "sh"):
            continue
        start = line_of(text, block.start(3))
        for match in re.finditer(r"^ *\$ ((?:.*\\\n)*.*)$", block[3], re.MULTILINE):
            found.append((start + block[3].count("\n", 0, match.start()), match[1].replace("\\\n", " ")))
    return found


@PAGE
def test_commands_are_understood(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for line, command in commands(page.read_text(encoding="utf-8")):
        where = f"{page.name}, line {line}: {command}"
        words = shlex.split(command, comments=True)
        words = words[: next((i for i, word in enumerate(words) if word in ("|", ">", "<", "&&", ";")), len(words))]
        if words[0] == "fasttrees":
            try:
                make_parser().parse_args(words[1:])
            except SystemExit as error:
                raise AssertionError(where) from error
        elif words[0] == "make":
            assert {word for word in words[1:] if "=" not in word and not word.startswith("-")} <= targets, where


@PAGE
def test_modules_and_paths_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for match in re.finditer(r"python3? -m ([\w.]+)", text):
        if match[1].startswith(("fasttrees", "benchmarks", "tests")):
            assert find_spec(match[1]), f"{page.name}, line {line_of(text, match.start())}: {match[0]}"
    for match in PATH.finditer(re.sub(r"\]\([^)]*\)", "]", text)):
        name = match[0]
        if not name.startswith(MADE):
            assert (ROOT / name).exists(), f"{page.name}, line {line_of(text, match.start())}: {name}"


def test_the_map_names_files_that_exist() -> None:
    """ARCHITECTURE.md names modules from the package on, such as `serving/app.py`."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    names = re.findall(r"`((?:[a-z_]+/)+[\w]+\.(?:py|pyx|pxd|hpp))`", text)
    assert len(names) > 30
    for name in names:
        assert (ROOT / "src" / "fasttrees" / name).exists() or (ROOT / name).exists(), name


@PAGE
def test_python_compiles(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for block in FENCE.finditer(text):
        if block[2] == "python" and ">>>" not in block[3] and "..." not in block[3]:
            indent = len(block[1])
            code = "\n".join(line[indent:] for line in block[3].split("\n"))
            try:
                ast.parse(code)
            except SyntaxError as error:
                raise AssertionError(f"{page.name}, line {line_of(text, block.start())}: {error}") from error


def test_paths_in_sources_exist() -> None:
    """A page that a comment, a docstring or an error names is there."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    sources = [ROOT / name for name in tracked if name.endswith((".py", ".pyx", ".pxd", ".hpp", ".toml", "Dockerfile"))]
    for path in sources:
        text = path.read_text(encoding="utf-8")
        for match in re.finditer(r"(?<![\w/.-])docs/[\w./-]*\w\.(?:md|json|yaml|svg)", text):
            assert (ROOT / match[0]).exists(), f"{path.name}, line {line_of(text, match.start())}: {match[0]}"


def test_indexes_name_all_pages() -> None:
    for index in sorted((ROOT / "docs").glob("*/README.md")):
        text = index.read_text(encoding="utf-8")
        for page in sorted(index.parent.glob("*.md")):
            assert page == index or f"({page.name})" in text, f"{index.parent.name}: {page.name}"


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 150
    portuguese = (ROOT / "README.pt-BR.md").read_text()
    assert portuguese.count("\n## ") == (ROOT / "README.md").read_text().count("\n## ")
    assert not re.search(r"\d %|pontua|grupo de controle", portuguese)
