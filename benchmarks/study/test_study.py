"""The study: made from the figures that are kept in docs/, and from others."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from benchmarks.study.__main__ import main, write_study
from benchmarks.study.claims import claims_of
from fasttrees.comparison.results import Results
from tests.support.comparisons import PRICES, results
from tests.support.paths import ROOT

DOCS = ROOT / "docs" / "internals"
RESULTS = DOCS / "study-sa-east-1" / "results.json"
DOCUMENTS = ("study-sa-east-1.md", "estudo-sa-east-1.md")


def test_the_documents_are_those_of_the_figures(tmp_path: Path) -> None:
    """After a change of the templates or the figures: make study."""
    assert main([str(RESULTS), str(tmp_path)]) == 0
    for name in DOCUMENTS:
        assert (tmp_path / name).read_bytes() == (DOCS / name).read_bytes(), f"{name} is stale: make study"


def test_the_same_figures_give_the_same_bytes(tmp_path: Path) -> None:
    for run in ("one", "other"):
        written = write_study(results(), tmp_path / run)
        assert len(written) == 14
    for path in (tmp_path / "one").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "other" / path.relative_to(tmp_path / "one")).read_bytes(), path


@pytest.mark.parametrize("name", DOCUMENTS)
def test_addresses_lead_somewhere(name: str) -> None:
    text = (DOCS / name).read_text()
    addresses = re.findall(r"\]\(([^)#]+)\)", text)
    assert len(addresses) >= 9
    for address in addresses:
        assert (DOCS / address).exists(), address


def test_both_languages_have_the_same_numbers(tmp_path: Path) -> None:
    write_study(results((8.123, 10.456, 9.789)), tmp_path)
    english, portuguese = ((tmp_path / name).read_text() for name in DOCUMENTS)
    table = re.compile(r"^\|.*\|$", re.MULTILINE)

    def numbers(text: str) -> list[str]:
        cells = re.sub(r"ml\.\w+\.\w+", "", " ".join(table.findall(text)))
        return re.findall(r"\d+(?:[.,]\d+)*", cells)

    swapped = [number.translate(str.maketrans(",.", ".,")) for number in numbers(portuguese)]
    assert numbers(english) == swapped
    assert "9.79 (8.12 to 10.5)" in english
    assert "9,79 (8,12 a 10,5)" in portuguese


def test_numbers_come_from_the_figures(tmp_path: Path) -> None:
    """The figures change, and with them the text and the verdicts."""
    write_study(results((2.0, 2.5)), tmp_path)
    text = (tmp_path / DOCUMENTS[0]).read_text()
    assert "| throughput on 2 cores | 5 times | 2.25 (2.00 to 2.50) times | does not hold |" in text
    write_study(results((0.5, 0.6)), tmp_path)
    text = (tmp_path / DOCUMENTS[0]).read_text()
    assert "Ours is worse, in every round, in: throughput" in text


def test_without_images_and_prices(tmp_path: Path) -> None:
    written = write_study(results(images=False, prices=PRICES[1:]), tmp_path)
    assert not [path for path in written if path.name.startswith("fixed-")]
    text = (tmp_path / DOCUMENTS[0]).read_text()
    assert "| image | about 40 MB | - | not measured |" in text
    assert "without a container" in text


def test_no_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.json"), str(tmp_path)]) == 1
    assert "none.json" in capsys.readouterr().err
    broken = tmp_path / "broken.json"
    content = json.loads(results().model_dump_json())
    content["turns"][3]["idle"]["pss"] = "much"
    broken.write_text(json.dumps(content))
    assert main([str(broken), str(tmp_path)]) == 1
    message = capsys.readouterr().err
    assert message.startswith(f"fasttrees: error: {broken}: turns.3.idle.pss: ")
    assert message.count("\n") == 1


def test_results_survive_the_file(tmp_path: Path) -> None:
    found = results()
    found.write(tmp_path / "results.json")
    assert Results.load(tmp_path / "results.json") == found


def verdicts(**options: object) -> dict[str, str]:
    return {claim.key: claim.verdict for claim in claims_of(results(**options))}  # type: ignore[arg-type]


def test_claims() -> None:
    assert verdicts() == {
        "throughput": "better",
        "idle": "held",
        "image": "better",
        "per_hour": "held",
        "scoring": "better",
        "scoring_batch": "better",
        "job": "missed",  # 52 %: three minutes are much for a million rows
        "job_batch": "missed",
    }


@pytest.mark.parametrize(
    ("times", "verdict"), [((4.0, 4.9), "missed"), ((4.9, 5.1), "open"), ((5.1, 5.2), "better"), ((5.0, 6.0), "open")]
)
def test_verdicts_look_at_the_whole_range(times: tuple[float, ...], verdict: str) -> None:
    assert verdicts(times=times)["throughput"] == verdict


def test_what_is_not_measured_is_not_claimed() -> None:
    found = verdicts(images=False, prices=PRICES[:1])
    assert found["image"] == found["per_hour"] == found["job"] == "unknown"
    assert found["job_batch"] == "missed"
