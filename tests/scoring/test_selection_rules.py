"""Which candidates are selected, and that it depends on their order alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelgen.errors import BadValue
from pixelgen.scoring.fingerprint import BITS, Fingerprints, are_similar, fingerprint
from pixelgen.scoring.score_table import ScoredCandidate, ScoreTable
from pixelgen.scoring.selection_rules import Selected, SelectionRules, Selector

FAMILIES = ("uniform", "perlin", "shapes", "crop")
CANDIDATES = st.builds(
    ScoredCandidate,
    score=st.integers(0, 10_000).map(lambda each: each / 10_000),
    predicted=st.sampled_from(["cat", "dog", ""]),
    family=st.sampled_from(FAMILIES),
    fingerprint=st.one_of(st.integers(0, (1 << BITS) - 1), st.integers(0, 40)),
)
RULES = st.builds(
    SelectionRules,
    keep=st.integers(2, 30),
    threshold=st.sampled_from([0.0, 0.25, 0.9]),
    plain=st.sampled_from([0.0, 0.25, 0.5]),
    per_family=st.sampled_from([None, 0.25, 0.5, 1.0]),
    per_class=st.sampled_from([None, 1, 5]),
    own_limit=st.sampled_from([0.5, 0.9, 1.0]),
)


def choose(rules: SelectionRules, candidates: list[ScoredCandidate], first: int = 0) -> Selected:
    selector = Selector(rules, len(FAMILIES), own=["crop"])
    for number, candidate in enumerate(candidates, first):
        if not selector.is_full:
            selector.add(number, candidate)
    return selector.selected()


def candidate(
    score: float, family: str = "uniform", predicted: str = "", print_: int | None = None
) -> ScoredCandidate:
    candidate.count = getattr(candidate, "count", 0) + 1  # type: ignore[attr-defined]
    spread = candidate.count * 0x9E3779B97F4A7C15 % (1 << 64)  # type: ignore[attr-defined]
    return ScoredCandidate(score, predicted, family, spread if print_ is None else print_)


@given(RULES, st.lists(CANDIDATES, max_size=80))
def test_every_rule_holds(rules: SelectionRules, candidates: list[ScoredCandidate]) -> None:
    found = choose(rules, candidates, first=7)
    mined = [candidates[image.candidate - 7] for image in found.images if image.mined]
    assert len(mined) == found.mined <= rules.mined
    assert len(found.images) <= rules.keep
    assert found.is_full == (len(found.images) == rules.keep)
    for is_mined in (True, False):  # each in the order of the candidates
        numbers = [image.candidate for image in found.images if image.mined == is_mined]
        assert numbers == sorted({*numbers})
    assert all(each.score >= rules.threshold for each in mined)
    most = rules.most_of_family(len(FAMILIES))
    for family in FAMILIES:
        of_family = [each for each in mined if each.family == family]
        assert len(of_family) == found.by_family.get(family, 0) <= most
    if rules.per_class is not None:
        for name in ("cat", "dog"):
            assert sum(each.predicted == name for each in mined) <= rules.per_class
    for image in found.images:
        taken = candidates[image.candidate - 7]
        assert (image.score, image.predicted) == (taken.score, taken.predicted)
        assert taken.family != "crop" or taken.score < rules.own_limit
    prints = [each.fingerprint for each in mined]
    for number, one in enumerate(prints):
        assert not any(are_similar(one, other) for other in prints[:number])


@given(RULES, st.lists(CANDIDATES, max_size=60), st.lists(CANDIDATES, max_size=20))
def test_what_follows_a_full_selection_changes_nothing(
    rules: SelectionRules, candidates: list[ScoredCandidate], more: list[ScoredCandidate]
) -> None:
    found = choose(rules, candidates)
    if found.is_full:
        assert choose(rules, candidates + more) == found
    else:
        mined = [image for image in found.images if image.mined]
        longer = choose(rules, candidates + more)
        assert [image for image in longer.images if image.mined][: len(mined)] == mined


@pytest.mark.parametrize("plain", [0.25, 0.5, 0.9])
def test_mined_images_are_spread_evenly_over_the_dataset(plain: float) -> None:
    rules = SelectionRules(keep=200, threshold=0.5, plain=plain, per_family=1)
    candidates = [candidate(score) for score in (0.1, 0.9) for _ in range(200)]
    are_mined = [image.mined for image in choose(rules, candidates).images]
    for start in range(0, 200, 20):
        assert abs(sum(are_mined[start : start + 20]) - 20 * (1 - plain)) <= 1


def test_the_first_past_the_threshold_are_mined_not_the_highest() -> None:
    rules = SelectionRules(keep=2, threshold=0.5, plain=0.5)
    found = choose(rules, [candidate(0.1), candidate(0.6), candidate(0.99)])
    assert [(image.candidate, image.mined) for image in found.images] == [(0, False), (1, True)]


def test_of_too_few_mined_images_fewer_plain_ones_are_kept() -> None:
    rules = SelectionRules(keep=40, threshold=0.5, plain=0.75)
    found = choose(rules, [*(candidate(0.1) for _ in range(60)), candidate(0.6)])
    assert (found.mined, len(found.images), found.is_full) == (1, 4, False)
    assert choose(rules, [candidate(0.1) for _ in range(60)]).images == ()


def test_a_family_may_fill_at_most_its_share() -> None:
    rules = SelectionRules(keep=100, threshold=0.5, plain=0, per_family=0.3)
    found = choose(rules, [candidate(0.9, "perlin") for _ in range(200)])
    assert found.by_family == {"perlin": 30}
    assert found.passed_over == {"per_family": 170}
    assert rules.most_of_family(4) == 30
    assert SelectionRules(keep=100, threshold=0.5, plain=0).most_of_family(1) == 100
    assert SelectionRules(keep=100, threshold=0.5, plain=0).most_of_family(4) == 50
    assert SelectionRules(keep=100, threshold=0.5, plain=0).most_of_family(30) == 12
    with pytest.raises(BadValue, match=r"give --per-family 0\.25 or more"):
        SelectionRules(keep=100, threshold=0.5, plain=0, per_family=0.1).most_of_family(4)


def test_images_of_the_users_own_with_high_scores_are_excluded_and_listed() -> None:
    rules = SelectionRules(keep=2, threshold=0.5)
    found = choose(rules, [candidate(0.95, "crop"), candidate(0.6, "crop"), candidate(0)])
    assert [image.candidate for image in found.images] == [1, 2]
    assert [image.candidate for image in found.excluded] == [0]


@pytest.mark.parametrize(
    ("options", "message"),
    [({"keep": 0}, "keep 0 is out of range"), ({"threshold": 1.5}, "threshold 1.5 is out of range"),
     ({"plain": 1.0}, "must be below 1"), ({"plain": -1}, "plain -1 is out of range"),
     ({"per_class": 0}, "per_class 0 is out of range"),
     ({"per_family": 2}, "per_family 2 is out of range")],
)  # fmt: skip
def test_rules_that_select_nothing_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(BadValue, match=message):
        SelectionRules(**{"keep": 10, "threshold": 0.5} | options)  # type: ignore[arg-type]


def bits(image: np.ndarray) -> int:
    return fingerprint(image) & (1 << 64) - 1


def test_a_fingerprint_is_of_the_layout_of_an_image_and_of_its_color() -> None:
    random = np.random.Generator(np.random.Philox(1))
    image = random.integers(0, 128, (40, 50, 3), np.uint8)
    assert bits(image) == bits(image + 100)
    assert are_similar(fingerprint(image), fingerprint(image + 10))
    assert not are_similar(fingerprint(image), fingerprint(image + 20))
    other = random.integers(0, 128, (40, 50, 3), np.uint8)
    assert not are_similar(fingerprint(image), fingerprint(other))
    gradient = np.broadcast_to(np.arange(90, dtype=np.uint8)[None, :, None], (80, 90, 3))
    assert bits(gradient) == (1 << 64) - 1
    assert bits(gradient[:, ::-1]) == 0
    red = np.full((9, 9, 3), (255, 2, 7), np.uint8)
    assert fingerprint(red) == 0xFF0207 << 64


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (40, 3), (8, 9), (17, 10)])
def test_an_image_of_any_size_has_a_fingerprint(shape: tuple[int, int]) -> None:
    image = np.zeros((*shape, 3), np.uint8)
    assert fingerprint(image) == 0
    assert 0 <= fingerprint(image + np.arange(shape[1], dtype=np.uint8)[:, None]) < 1 << BITS


@given(st.lists(st.integers(0, 1 << 20), max_size=60))
def test_fingerprints_are_compared_with_all_that_were_kept(values: list[int]) -> None:
    fingerprints, kept = Fingerprints(), list[int]()
    for value in values:
        spread = value * 0x10001 & (1 << 64) - 1
        is_new = not any(are_similar(spread, other) for other in kept)
        assert fingerprints.add(spread) == is_new
        if is_new:
            kept.append(spread)


@given(st.lists(st.lists(CANDIDATES, max_size=9), min_size=1, max_size=4))
def test_scores_are_read_back_as_they_were_written(blocks: list[list[ScoredCandidate]]) -> None:
    table = ScoreTable(17)
    for block in blocks:
        table.add(block)
    flat = [each for block in blocks for each in block]
    assert [*table] == flat
    again = ScoreTable.read(table.to_bytes(), 17, len(flat), (table.families, table.classes))
    assert [*again] == flat
    assert again.to_bytes() == table.to_bytes()


@pytest.mark.parametrize(
    "array",
    [np.zeros(3), np.zeros((2, 2)), np.array([(0.5, 9, 0, 0)], "f4,i4,i4,u8"),
     np.array([{}], object)],
)  # fmt: skip
def test_another_array_is_no_table_of_scores(array: np.ndarray) -> None:
    import io

    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    with pytest.raises(ValueError, match="not an array of 1 scores"):
        ScoreTable.read(file.getvalue(), 0, 1, (["uniform"], ["cat"]))


def test_numbers_beyond_the_names_are_refused() -> None:
    table = ScoreTable(0)
    table.add([candidate(0.5, "perlin", "cat")])
    with pytest.raises(ValueError, match="number of a predicted is out of range"):
        ScoreTable.read(table.to_bytes(), 0, 1, (["perlin"], []))
