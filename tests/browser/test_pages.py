"""The reports open in a real browser without a complaint, and their plots are seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fasttrees.cli import main
from fasttrees.comparison.report import write_page
from tests.support.browser import open_page
from tests.support.comparisons import results
from tests.support.paths import FLIGHTS

PAPER, DARK_PAPER = "#ffffff", "#16161a"
GOOD, BAD, BAR, OTHER_BAR = "#17663a", "#a3201d", "#2f7ed8", "#e0762b"


@pytest.fixture(scope="module", params=["passed", "failed"])
def verified(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of `fasttrees verify`."""
    folder = tmp_path_factory.mktemp(request.param)
    reference = np.loadtxt(FLIGHTS / "predictions.csv")
    if request.param == "failed":
        reference[:100] += np.geomspace(1e-17, 0.3, 100)
        reference[100] = np.nan
    np.save(folder / "reference.npy", reference)
    arguments = [str(FLIGHTS / "model.txt"), str(FLIGHTS / "rows.csv"), "--reference", str(folder / "reference.npy")]
    status = main(["verify", *arguments, "--output", str(folder), "--quiet"])
    assert status == (request.param == "failed")
    return folder / "report.html"


def test_a_verification_is_seen(verified: Path) -> None:
    opened = open_page(verified, verified.with_suffix(".png"))
    assert opened.messages == []
    assert opened.count(PAPER) > 0.5 * opened.pixels[:, :, 0].size
    assert opened.count(BAR) > 5_000  # bars of the plots
    failed = verified.parent.name.startswith("failed")
    assert opened.count(BAD if failed else GOOD) > 500
    assert opened.count(GOOD if failed else BAD) == 0
    assert len(np.unique(opened.pixels.reshape(-1, 3), axis=0)) > 100  # text, and the colours of a density


def test_it_is_dark_where_people_like_it_dark(verified: Path) -> None:
    opened = open_page(verified, verified.with_suffix(".dark.png"), dark=True)
    assert opened.messages == []
    assert opened.count(DARK_PAPER) > 0.5 * opened.pixels[:, :, 0].size
    assert opened.count(BAR) > 5_000


def test_a_comparison_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    write_page(results(), page)
    opened = open_page(page, tmp_path / "report.png", height=4200)
    assert opened.messages == []
    assert opened.count(PAPER) > 0.5 * opened.pixels[:, :, 0].size
    assert opened.count(BAR) > 3_000
    assert opened.count(OTHER_BAR) > 10_000


def test_a_complaint_of_the_browser_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<!DOCTYPE html><title>t</title><script>nothing.there()</script>")
    (message,) = open_page(page, tmp_path / "page.png").messages
    assert "nothing is not defined" in message


def test_a_blank_page_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<!DOCTYPE html><title>t</title>")
    opened = open_page(page, tmp_path / "page.png")
    assert opened.count(PAPER) == opened.pixels[:, :, 0].size
