"""The rules by which candidates are selected for a mined dataset, in order of their indices."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from pixelgen.errors import BadValue
from pixelgen.generator import check_range
from pixelgen.registry import abbreviate
from pixelgen.scoring.fingerprint import Fingerprints
from pixelgen.scoring.score_table import ScoredCandidate
from pixelgen.source_images import SelectedImage

PER_FAMILY = 0.12
"""The largest share of the mined images that are of one family, of eight families or more."""

OWN_LIMIT = 0.9
"""The score from which on an image of the user's own images may hold an object without a label."""

_MOST_KEPT = 10_000_000


@dataclass(frozen=True, kw_only=True)
class SelectionRules:
    """What is selected.

    Attributes:
        keep: How many images.
        threshold: The score, 0 … 1, from which on a candidate fools the model.
        plain: The share of them that are not mined, 0 … below 1: the first candidates that are not
            selected for their scores. A set of mined images alone was measured to be harmful.
        per_family: The largest share of the mined images that may be of one family; None for 0.12
            or, of few families, twice an even share.
        per_class: How many mined images may be predicted to be of one class, if the model names
            classes; None for any.
        own_limit: The score from which on images of the user's own images are excluded, since they
            may hold an object that has no label.
        robust: Whether an image must fool the model mirrored and shifted by one pixel, too.
        after: A mined dataset, by its directory or URL, whose images are taken along besides; ''
            for none. Candidates begin where its own end.
    """

    keep: int
    threshold: float
    plain: float = 0.5
    per_family: float | None = None
    per_class: int | None = None
    own_limit: float = OWN_LIMIT
    robust: bool = False
    after: str = ""

    def __post_init__(self) -> None:
        """Raise BadValue for what is out of range."""
        check_range("keep", self.keep, 1, _MOST_KEPT)
        for name in ("threshold", "plain", "per_family", "own_limit"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise BadValue(f"{name} {abbreviate(value)} is out of range 0..1")
        if self.plain == 1:
            raise BadValue("invalid plain 1: must be below 1, or no image would be mined")
        if self.per_class is not None:
            check_range("per_class", self.per_class, 1, _MOST_KEPT)

    @property
    def mined(self) -> int:
        """How many images are mined."""
        return self.keep - math.floor(self.keep * self.plain)

    def most_of_family(self, families: int) -> int:
        """Return how many mined images may be of one of so many families.

        Raises:
            BadValue: Where the families together could never fill the dataset.
        """
        share = self.per_family
        if share is None:
            share = max(PER_FAMILY, min(1.0, 2 / families))
        most = math.ceil(self.mined * share)
        if most * families < self.mined:
            raise BadValue(
                f"at most a share of {share:g} of each of {families} families cannot make"
                f" {self.mined} mined images; give --per-family {1 / families:.2g} or more"
            )
        return most


@dataclass(frozen=True)
class Selected:
    """What a search found.

    Attributes:
        images: The selected images: the mined ones among the plain ones, evenly, so that any part
            of the dataset has some of both.
        mined: How many of them are mined.
        is_full: Whether there are as many as the rules ask for.
        by_family: Of the mined images, how many are of each family.
        excluded: Candidates that were excluded since they may hold an object without a label.
        passed_over: How many candidates reach the threshold and are not mined, by reason.
    """

    images: tuple[SelectedImage, ...]
    mined: int
    is_full: bool
    by_family: Mapping[str, int]
    excluded: tuple[SelectedImage, ...]
    passed_over: Mapping[str, int]


class Selector:
    """Selects from candidates that are given in order; the first that fit are taken.

    Not those with the highest scores: these are few of a kind, and were measured to be worse.
    """

    def __init__(self, rules: SelectionRules, families: int, own: Iterable[str] = ()) -> None:
        self._rules = rules
        self._own = {*own}
        self._most_of_family = rules.most_of_family(families)
        self._mined: list[SelectedImage] = []
        self._plain: list[SelectedImage] = []
        self._excluded: list[SelectedImage] = []
        self._families: Counter[str] = Counter()
        self._classes: Counter[str] = Counter()
        self._passed_over: Counter[str] = Counter()
        self._fingerprints = Fingerprints()

    @property
    def is_full(self) -> bool:
        """Whether there are enough images."""
        rules = self._rules
        return len(self._mined) + len(self._plain) == rules.keep

    def mark_known(self, fingerprint: int) -> None:
        """Select nothing that is nearly the same as an image of this fingerprint."""
        self._fingerprints.add(fingerprint)

    def add(self, number: int, candidate: ScoredCandidate) -> None:
        """Take or leave candidate ``number``; leave all that come once there are enough images."""
        if self.is_full:
            return
        image = SelectedImage(number, candidate.score, candidate.predicted, mined=False)
        if candidate.family in self._own and candidate.score >= self._rules.own_limit:
            self._excluded.append(image)
        elif self._is_mined(candidate):
            self._mined.append(image._replace(mined=True))
            self._families[candidate.family] += 1
            self._classes[candidate.predicted] += 1
        elif len(self._plain) < self._rules.keep - self._rules.mined:
            self._plain.append(image)

    def _is_mined(self, candidate: ScoredCandidate) -> bool:
        rules = self._rules
        if candidate.score < rules.threshold or len(self._mined) == rules.mined:
            return False
        reason = ""
        if self._families[candidate.family] == self._most_of_family:
            reason = "per_family"
        elif candidate.predicted and self._classes[candidate.predicted] == rules.per_class:
            reason = "per_class"
        elif not self._fingerprints.add(candidate.fingerprint):
            reason = "near-duplicate"
        self._passed_over[reason] += bool(reason)
        return not reason

    def selected(self) -> Selected:
        """Return what was selected; of too few mined images, with fewer plain ones."""
        plain, share = self._plain, self._rules.plain
        if len(self._mined) < self._rules.mined:
            plain = plain[: math.floor(len(self._mined) * share / (1 - share))]
        return Selected(
            images=_interleaved(self._mined, plain),
            mined=len(self._mined),
            is_full=self.is_full,
            by_family=dict(self._families),
            excluded=tuple(self._excluded),
            passed_over={reason: count for reason, count in self._passed_over.items() if count},
        )


def _interleaved(*groups: Sequence[SelectedImage]) -> tuple[SelectedImage, ...]:
    """Return the images of groups in one order, in which each group is spread evenly."""
    placed = [
        (Fraction(2 * place + 1, 2 * len(group)), image)
        for group in groups
        for place, image in enumerate(group)
    ]
    return tuple(image for _, image in sorted(placed))
