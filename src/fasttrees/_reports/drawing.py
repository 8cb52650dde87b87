"""Render figures of matplotlib as SVG for the HTML of a page, several on one page."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from xml.etree import ElementTree

import matplotlib
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler

__all__ = ["INK", "drawing", "new_figure", "to_svg"]

#: Colour of text and axes; on the page it becomes the colour of the page's text, light or dark.
INK = "#1b1b1d"

STYLE: dict[Any, Any] = {
    "axes.edgecolor": INK,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.prop_cycle": cycler(color=["#2f7ed8", "#e0762b", "#3a9d5d", "#b35bc2", "#8a8a8a"]),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": "medium",
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "font.size": 9,
    "grid.alpha": 0.15,
    "grid.color": INK,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "savefig.facecolor": "none",
    "svg.fonttype": "none",  # text stays text: small files, and it can be searched
    "svg.hashsalt": "fasttrees",  # the same figure, the same bytes
    "text.color": INK,
    "text.parse_math": False,  # a feature's name may contain dollars
    "xtick.color": INK,
    "ytick.color": INK,
}


@contextmanager
def drawing() -> Iterator[None]:
    """Set the style while drawing, whatever the user's matplotlibrc says; in one thread at a time."""
    with warnings.catch_warnings(), matplotlib.rc_context():
        # The browser's fonts are used, so it does not matter if matplotlib's lacks a letter.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def new_figure(width: float = 6.4, height: float = 3.6) -> Figure:
    """Make a figure outside pyplot, which need not be closed; sizes in inches."""
    return Figure(figsize=(width, height), layout="constrained")


def to_svg(figure: Figure, name: str, label: str) -> str:
    """Draw a figure as an ``<svg>`` element of HTML.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    name : str
        Prefix of each id of the drawing: ids must differ between the drawings of a page.
    label : str
        Text for screen readers.
    """
    file = io.BytesIO()
    with drawing():
        figure.savefig(file, format="svg", metadata={"Date": None})
    root = ElementTree.fromstring(file.getvalue())
    for parent in list(root.iter()):
        for child in list(parent):
            # Metadata names matplotlib's site; the style would apply to the whole page.
            if _local(child.tag) in ("metadata", "style"):
                parent.remove(child)
    for element in root.iter():
        element.tag = _local(element.tag)
        element.attrib = {_local(key): _rename(_local(key), value, name) for key, value in element.attrib.items()}
    width = float(root.attrib.pop("width").removesuffix("pt"))
    root.attrib.pop("height")
    root.attrib.pop("version", None)
    root.attrib |= {"role": "img", "aria-label": label, "style": f"max-width: {width / 72:.4g}in"}
    return ElementTree.tostring(root, encoding="unicode").replace(INK, "currentColor")


def _local(name: Any) -> str:
    """Remove the namespace of a name: HTML needs none for SVG."""
    return re.sub(r"^\{.*\}", "", str(name))


def _rename(key: str, value: str, name: str) -> str:
    if key == "id":
        return f"{name}-{value}"
    if key == "href" and value.startswith("#"):
        return f"#{name}-{value[1:]}"
    return value.replace("url(#", f"url(#{name}-")
