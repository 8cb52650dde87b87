"""A page is one self-contained file, whatever text it contains."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from fasttrees._reports import plots
from fasttrees._reports.page import Page

HOSTILE = "<script>alert('x')</script> & \"quoted\" $x_1$ {{ 7 * 7 }}"
VOID = {"meta", "br"}


class Reader(HTMLParser):
    """Collects elements, and checks that each is closed in the right place."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def make_page() -> Page:
    page = Page(f"Title {HOSTILE}", f"Subtitle {HOSTILE}")
    page.add_values({"rows": 1234567, HOSTILE: HOSTILE})
    page.add_section(f"Section {HOSTILE}")
    page.add_text(f"Text {HOSTILE}")
    page.add_verdict(True, HOSTILE)
    page.add_verdict(False, "differs")
    page.add_table(["name", HOSTILE], [[HOSTILE, 0.5], ["b", None]], caption=HOSTILE)
    page.add_plot(plots.bars([HOSTILE, "_b", "a\0b", "日本"], [1, 2, 3, 4]), f"Bars {HOSTILE}")
    scores = np.linspace(0, 1, 50)
    page.add_plot(plots.score_histogram(scores > 0.5, scores), "Scores")
    page.add_plot(plots.residuals(scores, scores**2), "Residuals")
    return page


def test_text_is_shown_as_it_is() -> None:
    html = make_page().render()
    reader = Reader(html)
    assert "script" not in {tag for tag, _ in reader.elements}
    assert "<script" not in html
    assert "49" not in reader.text  # text is not evaluated as a template
    for beginning in ("Title ", "Subtitle ", "Section ", "Text "):
        assert beginning + HOSTILE in reader.text
    assert "$x_1$" in reader.text  # nor parsed as mathematics in a plot


def test_nothing_from_outside() -> None:
    html = make_page().render()
    assert not re.search(r"(?i)https?:|//\w|@import|javascript:", re.sub(r"data:image/png;base64,[\w/+=\s]+", "", html))
    for tag, attributes in Reader(html).elements:
        assert tag not in ("link", "script", "iframe", "object", "base", "form")
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "xlink:href", "action"):
            assert (attributes.get(name) or "#").startswith(("#", "data:image/png;"))


def test_ids_are_unique_and_known() -> None:
    html = make_page().render()
    elements = Reader(html).elements
    ids = Counter(attributes["id"] for _, attributes in elements if "id" in attributes)
    assert max(ids.values()) == 1
    used = set(re.findall(r"url\(#([^)]+)\)", html))
    used |= {str(a["href"])[1:] for _, a in elements if str(a.get("href", "")).startswith("#")}
    assert used
    assert used <= set(ids)


def test_people_who_do_not_see_it() -> None:
    elements = Reader(make_page().render()).elements
    assert ("html", {"lang": "en"}) in elements
    drawings = [attributes for tag, attributes in elements if tag == "svg"]
    assert [(drawing["role"], drawing["aria-label"]) for drawing in drawings] == [
        ("img", f"Bars {HOSTILE}"),
        ("img", "Scores"),
        ("img", "Residuals"),
    ]
    headers = [attributes["scope"] for tag, attributes in elements if tag == "th"]
    assert headers == ["col", "col", "row", "row"]


def test_dark_mode_has_no_black_ink() -> None:
    html = make_page().render()
    drawings = "".join(re.findall(r"<svg.*?</svg>", html, re.DOTALL))
    assert "currentColor" in drawings
    assert "#1b1b1d" not in drawings
    assert not re.search(r"<text(?![^>]*(currentColor))", drawings)


def test_the_same_page_has_the_same_bytes(tmp_path: Path) -> None:
    make_page().write(tmp_path / "a.html")
    make_page().write(tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "b.html"]


def test_numbers_are_written_as_the_language_does() -> None:
    texts = {}
    for language in ("en", "pt-BR"):
        page = Page("T", language=language)
        page.add_values(
            {"n": np.arange(1234568)[-1], "x": 12345.6789, "large": 2345678.9, "small": 1.5e-9, "text": "1,5"}
        )
        page.add_verdict(True, "")
        texts[language] = Reader(page.render()).text
    for text in ("1,234,567", "12,345.7", "2,345,679", "1.5e-09", "1,5", "Passed"):
        assert text in texts["en"]
    for text in ("1.234.567", "12.345,7", "2.345.679", "1,5e-09", "Aprovado"):
        assert text in texts["pt-BR"]
    with pytest.raises(ValueError, match="language: expected one of en, pt-BR, got 'fr'"):
        Page("T", language="fr")  # type: ignore[arg-type]


def test_columns_of_numbers_stand_to_the_right() -> None:
    page = Page("T")
    page.add_table(["a", "b", "c"], [["x", 1, 2.5], ["y", None, "n/a"]])
    page.add_table(["a", "b"], [["x", "1 s"]], numeric=[1])
    classes = [attributes.get("class") for tag, attributes in Reader(page.render()).elements if tag == "td"]
    assert classes == ["number", None, "number", None, "number"]
    with pytest.raises(ValueError, match="row 1: expected 2 cells, as there are headers, got 1"):
        page.add_table(["a", "b"], [["x", 1], ["y"]])


def test_text_that_is_no_unicode_is_written(tmp_path: Path) -> None:
    page = Page("a \udcff b")
    page.write(tmp_path / "page.html")
    assert "a ? b" in (tmp_path / "page.html").read_text()
