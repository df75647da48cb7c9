"""How an audit of a model is printed: a line for each family."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixelgen.scoring.audit import Audit, FamilyScores


def table_lines(audit: "Audit") -> Iterator[str]:
    """Yield the lines of the table: its head, each family, and all images together."""
    head = ("family", "images", "50 %", "90 %", "99 %", "highest", f">= {audit.threshold:.3g}",
            "rate", "95 % interval", "mostly")  # fmt: skip
    rows = [head, *map(_row, (*audit.families, audit.overall))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        first, *others = (
            text.ljust(width) if number in (0, len(row) - 1) else text.rjust(width)
            for number, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join((first, *others)).rstrip()


def _row(each: "FamilyScores") -> tuple[str, ...]:
    low, high = each.interval
    return (
        each.family, f"{each.images:,}", *(f"{value:.3f}" for value in each.quantiles),
        f"{each.highest:.3f}", f"{each.fooled:,}", f"{each.rate:.1%}", f"{low:.1%} – {high:.1%}",
        each.predicted,
    )  # fmt: skip
