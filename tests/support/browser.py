"""Pages opened by a browser without a window."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.image import imread
from numpy.typing import NDArray

BROWSER = os.environ.get("FASTTREES_BROWSER", "")
SECONDS = 60


class Opened(NamedTuple):
    """A page that was opened.

    Attributes
    ----------
    messages : list of str
        What the browser wrote to its console: errors of scripts, files that are missing.
    pixels : ndarray of shape (height, width, 3)
        Red, green and blue, 0 to 255.
    """

    messages: list[str]
    pixels: NDArray[np.int64]

    def count(self, colour: str) -> int:
        """Count the pixels of about this colour, given as ``#rrggbb``."""
        wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        return int((np.abs(self.pixels - wanted).max(axis=2) <= 12).sum())


def open_page(page: Path, screenshot: Path, width: int = 1000, height: int = 2400, dark: bool = False) -> Opened:
    """Open a file and draw it."""
    command = [
        BROWSER,
        "--headless",
        "--no-sandbox",  # root may not have one
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        "--enable-logging=stderr",
        f"--user-data-dir={screenshot.parent / 'profile'}",
        f"--window-size={width},{height}",
        f"--screenshot={screenshot}",
        *(["--blink-settings=preferredColorScheme=0"] if dark else []),
        page.as_uri(),
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=SECONDS)
    messages = re.findall(r":CONSOLE[^\]]*\] (.*)", run.stderr)
    picture: Any = imread(screenshot)
    return Opened(messages, np.rint(picture[:, :, :3] * 255).astype(np.int64))
