"""A report as one HTML file that needs nothing else: no script, no font, no address outside itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from numbers import Integral
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from fasttrees._reports.drawing import to_svg
from fasttrees._runtime.atomic_file import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Cell", "Language", "Page"]

Cell = str | int | float | None
Language = Literal["en", "pt-BR"]

VERDICTS: dict[str, dict[bool, str]] = {
    "en": {True: "Passed", False: "Failed"},
    "pt-BR": {True: "Aprovado", False: "Reprovado"},
}
TO_COMMAS = str.maketrans(",.", ".,")


class Page:
    """A page, filled from top to bottom; text is escaped, whatever it contains.

    The same calls produce the same bytes.

    Parameters
    ----------
    title : str
    subtitle : str
    language : {"en", "pt-BR"}
        Language of the text; numbers are formatted for it.
    """

    def __init__(self, title: str, subtitle: str = "", language: Language = "en") -> None:
        if language not in VERDICTS:
            raise ValueError(f"language: expected one of {', '.join(VERDICTS)}, got {language!r}")
        self.title = title
        self.subtitle = subtitle
        self.language = language
        self._blocks: list[dict[str, Any]] = []
        self._n_plots = 0

    def add_section(self, title: str) -> None:
        """Begin a section."""
        self._blocks.append({"kind": "section", "title": title})

    def add_text(self, text: str) -> None:
        """Add a paragraph."""
        self._blocks.append({"kind": "text", "text": text})

    def add_verdict(self, good: bool, text: str) -> None:
        """Add the result of a check, set off from the text."""
        word = VERDICTS[self.language][good]
        self._blocks.append({"kind": "verdict", "good": good, "word": word, "text": text})

    def add_values(self, values: Mapping[str, Cell]) -> None:
        """Add key figures, by their names."""
        entries = [(name, self._format(value)) for name, value in values.items()]
        self._blocks.append({"kind": "values", "entries": entries})

    def add_table(
        self,
        headers: Sequence[str],
        rows: Iterable[Sequence[Cell]],
        caption: str = "",
        numeric: Collection[int] | None = None,
    ) -> None:
        """Add a table.

        Parameters
        ----------
        headers : sequence of str
        rows : iterable of sequences of str, int, float or None
            As long as `headers`; None is an empty cell. Strings are shown as they are, floats with six digits.
        caption : str
        numeric : collection of int, optional
            Columns to align right; default: those with numbers only.
        """
        table = [list(row) for row in rows]
        for i, row in enumerate(table):
            if len(row) != len(headers):
                raise ValueError(f"row {i}: expected {len(headers)} cells, as there are headers, got {len(row)}")
        if numeric is None:
            numeric = [column for column in range(len(headers)) if _is_numeric([row[column] for row in table])]
        self._blocks.append(
            {
                "kind": "table",
                "headers": list(headers),
                "rows": [[self._format(cell) for cell in row] for row in table],
                "caption": caption,
                "label": caption or ", ".join(headers),
                "numeric": frozenset(numeric),
            }
        )

    def add_plot(self, figure: Figure, caption: str) -> None:
        """Add a figure; the caption is its text for screen readers too."""
        self._n_plots += 1
        svg = to_svg(figure, f"plot-{self._n_plots}", caption)
        self._blocks.append({"kind": "plot", "svg": Markup(svg), "caption": caption})

    def render(self) -> str:
        """Return the HTML."""
        environment = Environment(
            loader=PackageLoader("fasttrees._reports"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        return environment.get_template("page.html").render(
            language=self.language, title=self.title, subtitle=self.subtitle, blocks=self._blocks
        )

    def write(self, path: str | PathLike[str]) -> None:
        """Write the HTML file atomically."""
        with replacing(path) as file:
            file.write(self.render().encode("utf-8", "replace"))

    def _format(self, value: Cell) -> str:
        if value is None:
            return ""
        if isinstance(value, str):
            return value
        if isinstance(value, Integral):  # numpy's too
            text = f"{int(value):,}"
        else:
            text = f"{value:,.0f}" if 1e6 <= abs(value) < 1e15 else f"{value:,.6g}"
        return text.translate(TO_COMMAS) if self.language == "pt-BR" else text


def _is_numeric(cells: list[Cell]) -> bool:
    values = [cell for cell in cells if cell is not None]
    return bool(values) and not any(isinstance(value, str) for value in values)
