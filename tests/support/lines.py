"""Progress that a test keeps."""

from __future__ import annotations


class Lines:
    """Keeps the lines and the counts that a long-running function reports."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.advances: list[tuple[str, int, int | None, str]] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

    def advance(self, what: str, done: int, total: int | None, unit: str, n_rows: int | None = None) -> None:
        assert done >= 0
        assert total is None or done <= total
        self.advances.append((what, done, total, unit))

    @property
    def text(self) -> str:
        return "\n".join(self.lines)
