"""Where the files that tests read are."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
DOCS = ROOT / "docs"
FLIGHTS = ROOT / "examples" / "flights"
GOLDEN = DATA / "golden"
MODELS = DATA / "models"
NUMERICAL = str(MODELS / "numerical.txt")
