"""What ``mining.json`` says of a mined dataset: the model, the candidates and the rules."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from pixelgen.dataset.selection_record import MINING, SCORES
from pixelgen.errors import BadValue, Conflict
from pixelgen.scoring.score_table import ScoreTable
from pixelgen.scoring.selection_rules import SelectionRules
from pixelgen.source_images.selection import MOST_CANDIDATE
from pixelgen.storage import Store

_SCHEMA = 1
_LIMIT = 1 << 26  # bytes


@dataclass(frozen=True)
class MiningRecord:
    """What a dataset was mined by.

    Attributes:
        search: The digest of the search, of :class:`~pixelgen.scoring.search.Search`.
        model: The model's own record.
        first: The index of the first candidate.
        scored: How many were scored.
        robust_from: The score from which on candidates were scored mirrored and shifted, too.
        rules: What was selected.
        after: The id of the dataset whose images were taken along, or ''.
        families: The names of the families that ``scores.npy`` has by number.
        classes: The names of the classes, likewise.
        excluded: Images of the user's own that may hold an object without a label: a row for each.
    """

    search: str
    model: Mapping[str, str]
    first: int
    scored: int
    robust_from: float | None
    rules: SelectionRules
    after: str
    families: Sequence[str]
    classes: Sequence[str]
    excluded: Sequence[Mapping[str, Any]]

    @property
    def end(self) -> int:
        """The index of the first candidate that was not scored."""
        return self.first + self.scored

    def to_bytes(self) -> bytes:
        """Return the content of the file."""
        return json.dumps({"schema": _SCHEMA} | asdict(self), indent=1).encode() + b"\n"

    @classmethod
    def read(cls, store: Store) -> Self:
        """Return the record of a mined dataset.

        Raises:
            Conflict: Where it is missing or damaged.
        """  # noqa: DOC501 - the ValueError and TypeError are caught
        try:
            members = json.loads(store.read(MINING, _LIMIT))
            if members.pop("schema") != _SCHEMA:
                raise ValueError("it is of another schema")
            record = cls(rules=SelectionRules(**members.pop("rules")), **members)
            record._check()
        except OSError as error:
            raise Conflict(f"cannot read {store.path(MINING)}: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, BadValue):
            raise Conflict(
                f"{store.path(MINING)} is damaged or of another version; restore it from a copy"
            ) from None
        return record

    def _check(self) -> None:
        """Raise ValueError for what no search leaves."""
        texts = (self.search, self.after, *self.families, *self.classes)
        counts = (self.first, self.scored)
        lists = (self.families, self.classes)
        are_right = (
            all(isinstance(each, str) for each in texts),
            all(type(each) is int and 0 <= each <= MOST_CANDIDATE for each in counts),
            all(len({*names}) == len(names) for names in lists),
            self.robust_from is None or 0 <= float(self.robust_from) <= 1,
            isinstance(self.excluded, list),
        )
        if not all(are_right):
            raise ValueError("a member has a value that no search leaves")

    def read_scores(self, store: Store) -> ScoreTable:
        """Return the scores of the candidates.

        Raises:
            Conflict: Where they are missing or damaged.
        """
        try:
            data = b"".join(store.chunks(SCORES))
            return ScoreTable.read(data, self.first, self.scored, (self.families, self.classes))
        except OSError as error:
            raise Conflict(f"cannot read {store.path(SCORES)}: {error.strerror}") from None
        except ValueError as error:
            raise Conflict(
                f"{store.path(SCORES)} is damaged ({error}); restore it from a copy"
            ) from None
