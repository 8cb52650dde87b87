"""Numbers and names in the two languages of the reports."""

from __future__ import annotations

import math
from collections.abc import Callable

from fasttrees._reports.page import Language
from fasttrees.comparison.ranges import Range

__all__ = [
    "HEADERS",
    "LABELS",
    "SERVERS",
    "TITLES",
    "YES",
    "Language",
    "as_number",
    "as_percent",
    "as_range",
    "cores_text",
]

TO_COMMAS = str.maketrans(",.", ".,")
TO = {"en": "to", "pt-BR": "a"}
SERVERS: dict[Language, dict[str, str]] = {
    "en": {"fasttrees": "fasttrees", "python-container": "Python container"},
    "pt-BR": {"fasttrees": "fasttrees", "python-container": "contêiner Python"},
}
TITLES: dict[Language, dict[str, str]] = {
    "en": {
        "throughput": "throughput, rows/s",
        "cpu": "CPU time, s for a million rows",
        "p50": "one-row request, p50, ms",
        "p99": "one-row request, p99, ms",
        "idle": "idle memory, MB",
        "idle_rss": "idle memory, RSS, MB",
        "idle_cgroup": "idle memory, control group, MB",
        "peak": "peak memory, MB",
        "start": "start to first 200, s",
        "image": "image, MB",
    },
    "pt-BR": {
        "throughput": "vazão, linhas/s",
        "cpu": "tempo de CPU, s por milhão de linhas",
        "p50": "requisição de uma linha, p50, ms",
        "p99": "requisição de uma linha, p99, ms",
        "idle": "memória em repouso, MB",
        "idle_rss": "memória em repouso, RSS, MB",
        "idle_cgroup": "memória em repouso, cgroup, MB",
        "peak": "pico de memória, MB",
        "start": "início até o primeiro 200, s",
        "image": "imagem, MB",
    },
}
HEADERS: dict[Language, dict[str, list[str]]] = {
    "en": {
        "values": ["figure", "on", "fasttrees", "Python container", "times better"],
        "costs": [
            "instance",
            "Batch Transform",
            "server",
            "fits",
            "rows/s",
            "USD a million rows",
            "USD a month of jobs",
        ],
        "fixed": ["paid besides scoring, minutes a job"],
    },
    "pt-BR": {
        "values": ["medida", "em", "fasttrees", "contêiner Python", "vezes melhor"],
        "costs": [
            "instância",
            "Batch Transform",
            "servidor",
            "cabe",
            "linhas/s",
            "USD por milhão",
            "USD por mês de jobs",
        ],
        "fixed": ["pago além da inferência, minutos por job"],
    },
}
YES: dict[Language, dict[bool, str]] = {"en": {True: "yes", False: "no"}, "pt-BR": {True: "sim", False: "não"}}
LABELS: dict[Language, dict[str, str]] = {
    "en": {
        "usd": "USD for a million rows",
        "saving": "saved, % of a job's cost",
        "fixed": "minutes paid besides scoring",
    },
    "pt-BR": {
        "usd": "USD por milhão de linhas",
        "saving": "economia, % do custo de um job",
        "fixed": "minutos pagos além da inferência",
    },
}


def as_number(value: float, language: Language = "en", digits: int = 3) -> str:
    """Write a number with as many digits that count, whole where it is large."""
    decimals = 0 if value == 0 else max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}"
    return text.translate(TO_COMMAS) if language == "pt-BR" else text


def as_percent(value: float, language: Language = "en") -> str:
    """Write a part of 1 as a percentage."""
    text = f"{value * 100:.1f}"
    return f"{text.translate(TO_COMMAS)}%" if language == "pt-BR" else f"{text} %"


def as_range(found: Range, language: Language = "en", write: Callable[[float, Language], str] = as_number) -> str:
    """Write the median, and in brackets the least and the most where they differ."""
    middle, low, high = (write(value, language) for value in (found.middle, found.low, found.high))
    return middle if low == high else f"{middle} ({low} {TO[language]} {high})"


def cores_text(n: int, language: Language = "en") -> str:
    """Return the number of cores in words; empty for a figure that depends on none."""
    if not n:
        return ""
    word = {"en": "core", "pt-BR": "núcleo"}[language]
    return f"{n} {word}{'' if n == 1 else 's'}"
