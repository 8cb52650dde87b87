"""The Portuguese README states the figures of the pages in docs/."""

from __future__ import annotations

import re

from tests.support.paths import DOCS, ROOT


def test_the_portuguese_readme_has_the_figures_of_the_docs() -> None:
    text = (ROOT / "README.pt-BR.md").read_text()
    figures = {"parity.md": ["321", "175.041.950"], "image.md": ["29,5 MB"]}
    for name, numbers in figures.items():
        page = (DOCS / "internals" / name).read_text()
        for number in numbers:
            assert number in text, number
            assert number.translate(str.maketrans(",.", ".,")) in page, f"{name}: {number}"
    for address in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert (ROOT / address).exists(), address
