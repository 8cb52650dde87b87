"""Compare predictions with those of the training environment, row by row: docs/how-to/verify.md.

The module ``page`` makes the report; it needs Jinja2 and matplotlib, and is not imported here.
"""

from fasttrees.verification._result import TreeDifference, Verification, WorstRow
from fasttrees.verification._rows import RowFormat
from fasttrees.verification._run import verify
from fasttrees.verification._targets import Target
from fasttrees.verification._text import as_text

__all__ = ["RowFormat", "Target", "TreeDifference", "Verification", "WorstRow", "as_text", "verify"]
