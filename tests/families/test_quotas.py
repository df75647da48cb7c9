"""Quotas: how often each member of a mixture comes, in any part of a dataset."""

import json
import math
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelgen import Job
from pixelgen.dataset.plan import plan_text
from pixelgen.errors import BadValue
from pixelgen.families.member import Member
from pixelgen.families.mixture import MOST_WEIGHT, Mixture
from pixelgen.families.presets import PRESETS
from pixelgen.families.quotas import MemberChooser
from pixelgen.rng import Stream
from tests.support.command import Done, Run, tree_digest

NAMES = ("uniform", "gaussian", "checker", "stripes", "gradient")
SEEDS = st.integers(0, (1 << 128) - 1)
WEIGHTS = st.lists(st.integers(1, 30), min_size=2, max_size=len(NAMES))
MIX = ["uniform=2", "gaussian=0.5:sigma=10..20", "stripes=1.5:n=2..5,tone=random|primary"]


def mixture(weights: list[int]) -> Mixture:
    return Mixture.parse([f"{name}={weight}" for name, weight in zip(NAMES, weights, strict=False)])


def chosen(mix: Mixture, seed: int, images: range) -> list[Member]:
    chooser = MemberChooser(mix.members, Stream(seed))
    return [chooser.choose(image)[0] for image in images]


@settings(deadline=None)
@given(WEIGHTS, SEEDS, st.integers(0, 1 << 50))
def test_every_block_has_each_member_as_often_as_it_weighs(
    weights: list[int], seed: int, block: int
) -> None:
    mix = mixture(weights)
    size = int(sum(member.weight for member in mix.members))
    seen = Counter(chosen(mix, seed, range(block * size, (block + 1) * size)))
    assert seen == {member: member.weight for member in mix.members}


@settings(deadline=None)
@given(WEIGHTS, SEEDS)
def test_every_prefix_is_close_to_its_shares(weights: list[int], seed: int) -> None:
    mix = mixture(weights)
    size = int(sum(member.weight for member in mix.members))
    seen = Counter[Member]()
    for count, member in enumerate(chosen(mix, seed, range(2 * size + 1)), 1):
        seen[member] += 1
        for each in mix.members:
            share = each.weight / size
            assert abs(seen[each] - count * share) < 1 + share * len(weights)


@settings(deadline=None)
@given(SEEDS, st.integers(1, 100))
def test_equal_parts_are_equal_at_every_count(seed: int, count: int) -> None:
    mix = Mixture.parse(["classic"])
    seen = Counter(chosen(mix, seed, range(count)))
    assert {seen[member] - count // 7 for member in mix.members} <= {0, 1}


@settings(deadline=None)
@given(WEIGHTS, SEEDS, st.lists(st.integers(0, 10_000), max_size=8))
def test_the_member_of_an_image_depends_on_the_seed_and_its_index(
    weights: list[int], seed: int, images: list[int]
) -> None:
    mix = mixture(weights)
    chooser = MemberChooser(mix.members, Stream(seed))
    for image in images:  # in any order, after any others
        assert chooser.choose(image)[0] == chosen(mix, seed, range(image, image + 1))[0]


def test_the_orders_of_blocks_and_of_seeds_differ() -> None:
    mix = mixture([1, 1, 1, 1, 1])
    orders = [tuple(chosen(mix, 1, range(start, start + 5))) for start in range(0, 6000, 5)]
    assert len(set(orders)) == 120  # all permutations of five
    assert max(Counter(orders).values()) < 30
    assert chosen(mix, 1, range(50)) != chosen(mix, 2, range(50))


def test_heavy_members_are_spread_over_the_block() -> None:
    members = chosen(Mixture.parse(["uniform=999", "checker"]), 3, range(20_000))
    places = [place for place, member in enumerate(members) if member.family.name == "checker"]
    assert len(places) == 20
    assert len({place % 1000 for place in places}) > 15  # at another place in each block
    assert all(0 < later - earlier < 2000 for earlier, later in pairwise(places))


def test_one_member_draws_its_parameters_as_before_quotas() -> None:
    job = Job.parse(count=4, size=8, family="gaussian=3:sigma=10..20,mean=1|2|4", seed=5)
    assert job.algorithm == "gaussian/1"
    assert [job.row(index)["generator"] for index in range(4)] == EXPECTED


EXPECTED = [
    "gaussian:mean=2.0,sigma=19.96",
    "gaussian:mean=2.0,sigma=11.06",
    "gaussian:mean=4.0,sigma=11.33",
    "gaussian:mean=1.0,sigma=14.93",
]


def test_weights_are_brought_to_the_smallest_whole_numbers() -> None:
    assert Mixture.parse(["uniform=0.5", "perlin=1.25"]).to_spec() == ["uniform=2", "perlin=5"]
    assert Mixture.parse(["uniform=20", "perlin=30"]).to_spec() == ["uniform=2", "perlin=3"]
    assert Mixture.parse(["uniform=0.001", "perlin=0.1"]).to_spec() == ["uniform", "perlin=100"]
    assert Mixture.parse(["uniform=7", "perlin=7"]) == Mixture.parse(["uniform", "perlin"])


@settings(deadline=None)
@given(st.lists(st.decimals("0.001", "99", places=3), min_size=1, max_size=4))
def test_a_mixture_of_fractions_parses_back_with_the_same_shares(weights: list[object]) -> None:
    texts = [f"{name}={weight}" for name, weight in zip(NAMES, weights, strict=False)]
    try:
        mix = Mixture.parse(texts)
    except BadValue:
        assert sum(Fraction(str(weight)) for weight in weights) * 1000 > MOST_WEIGHT
        return
    spec = mix.to_spec()
    assert Mixture.parse([spec] if isinstance(spec, str) else spec) == mix
    wanted = [Fraction(str(weight)) for weight in weights]
    found = [member.weight for member in mix.members]
    assert [each / sum(found) for each in found] == [each / sum(wanted) for each in wanted]


def test_weights_whose_blocks_are_too_long_are_refused() -> None:
    Mixture.parse(["uniform=99999", "perlin"])
    with pytest.raises(BadValue, match=r"add up to 100,001 .* at most 100,000; .*fewer digits"):
        Mixture.parse(["uniform=100000", "perlin"])


def test_a_preset_has_a_weight_that_its_members_share() -> None:
    mix = Mixture.parse(["oe=2", "perlin"])
    assert [str(member) for member in mix.members] == [
        *(spec.replace(":", "=2:", 1) if ":" in spec else f"{spec}=2" for spec in
          map(str, Mixture.parse(["oe"]).members)), "perlin=3",
    ]  # fmt: skip
    halves = Mixture.parse(["classic=0.5", "lwn=0.5"])
    assert [member.weight for member in halves.members] == [8] * 7 + [7] * 8
    assert Mixture.parse(["odin=9"]) == Mixture.parse(["odin"])
    sourced = Mixture.parse([" NINCO17 = 3".replace(" = ", "=") + ":source=a", "uniform"]).members
    assert sum(member.weight for member in sourced[:-1]) == 3 * sourced[-1].weight
    assert [getattr(member.family, "source", "") for member in sourced].count("a") == 2


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([*PRESETS, *NAMES]), st.integers(1, 40)), min_size=1, max_size=3
    )
)
def test_presets_and_families_have_the_shares_of_their_weights(
    given_members: list[tuple[str, int]],
) -> None:
    source = {name: ":source=a" for name, preset in PRESETS.items() if preset.needs_source}
    texts = [f"{name}={weight / 4:g}{source.get(name, '')}" for name, weight in given_members]
    mix = Mixture.parse(texts)
    spec = mix.to_spec()
    assert Mixture.parse([spec] if isinstance(spec, str) else spec) == mix
    total = sum(member.weight for member in mix.members)
    start = 0
    for text, (_, weight) in zip(texts, given_members, strict=True):
        end = start + len(Mixture.parse([text]).members)
        share = sum(member.weight for member in mix.members[start:end]) / total
        assert share == Fraction(weight, sum(each for _, each in given_members))
        start = end


LIMITED = st.lists(
    st.tuples(st.integers(1, 9), st.one_of(st.just(0), st.integers(1, 60))),
    min_size=1,
    max_size=len(NAMES) - 1,
)


def limited(given_members: list[tuple[int, int]]) -> Mixture:
    """Return a mixture of members with weights and limits, and of one without a limit."""
    texts = [f"{name}={weight}" + f"@{limit}" * (limit > 0)
             for name, (weight, limit) in zip(NAMES, given_members, strict=False)]  # fmt: skip
    return Mixture.parse([*texts, "rademacher=2"])


@settings(deadline=None)
@given(LIMITED, SEEDS)
def test_a_member_has_as_many_images_as_its_limit_and_then_no_more(
    given_members: list[tuple[int, int]], seed: int
) -> None:
    mix = limited(given_members)
    left = {member: member.limit or math.inf for member in mix.members}
    blocks = 1 + max(-(-member.limit // int(member.weight)) for member in mix.members)
    members = iter(chosen(mix, seed, range(blocks * int(sum(each.weight for each in left)))))
    for _ in range(blocks):
        block = {member: min(int(member.weight), rest) for member, rest in left.items()}
        assert Counter(islice(members, int(sum(block.values())))) == +Counter(block)
        left = {member: rest - block[member] for member, rest in left.items()}
    assert {rest for member, rest in left.items() if member.limit} <= {0}


@settings(deadline=None)
@given(LIMITED, SEEDS, st.lists(st.integers(0, 600), max_size=8))
def test_limits_depend_on_the_index_alone_and_parse_back(
    given_members: list[tuple[int, int]], seed: int, images: list[int]
) -> None:
    mix = limited(given_members)
    assert Mixture.parse(mix.to_spec()) == mix
    whole = chosen(mix, seed, range(601))
    chooser = MemberChooser(mix.members, Stream(seed))
    assert [chooser.choose(image)[0] for image in images] == [whole[image] for image in images]


def test_blocks_before_a_limit_are_those_without_it() -> None:
    free, few = Mixture.parse(["uniform=2", "checker"]), Mixture.parse(["uniform=2", "checker@50"])
    names = [[each.family.name for each in chosen(mix, 4, range(300))] for mix in (free, few)]
    assert names[0][:150] == names[1][:150]
    assert set(names[1][150:]) == {"uniform"}
    assert few.to_spec() == ["uniform=2", "checker@50"]


OF_FAMILIES = st.lists(
    st.tuples(st.sampled_from(NAMES[:3]), st.integers(1, 9)), min_size=1, max_size=6
)


@settings(deadline=None)
@given(OF_FAMILIES, SEEDS, st.data())
def test_a_family_has_as_many_images_as_its_limit_and_never_more(
    given_members: list[tuple[str, int]], seed: int, data: st.DataObject
) -> None:
    free = Mixture.parse([*(f"{name}={weight}" for name, weight in given_members), "rademacher=2"])
    members = Counter(name for name, _ in given_members)
    limits = {name: data.draw(st.integers(members[name], 40), name) for name in members}
    mix = free.with_limits(limits)
    assert Mixture.parse(mix.to_spec()) == mix
    enough = 40 * int(sum(member.weight for member in mix.members))
    left = Counter(limits)
    for member in chosen(mix, seed, range(enough)):
        left[member.family.name] -= 1
        assert left[member.family.name] >= 0 or member.family.name == "rademacher"
    assert {left[name] for name in limits} == {0}


@settings(deadline=None)
@given(st.lists(st.integers(1, 9000), min_size=1, max_size=9), st.integers(0, 10**6))
def test_a_limit_is_divided_by_the_weights_of_the_members_of_a_family(
    weights: list[int], more: int
) -> None:
    limit = len(weights) + more
    free = Mixture.parse([*(f"stripes={weight}" for weight in weights), "uniform=7"])
    *own, last = free.with_limits({"stripes": limit}).members
    assert [member._replace(limit=0) for member in [*own, last]] == [*free.members]
    assert last.limit == 0
    assert sum(member.limit for member in own) == limit
    shares = [Fraction(limit * weight, sum(weights)) for weight in weights]
    assert all(member.limit >= 1 for member in own)
    if min(shares) >= 1:
        assert all(abs(each.limit - share) < 1 for each, share in zip(own, shares, strict=True))
    missing = [share - member.limit for member, share in zip(own, shares, strict=True)]
    taken = [short for short, member in zip(missing, own, strict=True) if member.limit > 1]
    assert max(missing) - min(taken, default=max(missing)) <= 1  # no exchange would be fairer


def test_a_limit_is_divided_among_members_and_leaves_the_others() -> None:
    texts = ["uniform", "stripes=3", "stripes:n=4", "checker@7"]
    mix = Mixture.parse(texts).with_limits({"stripes": 10})
    assert mix.to_spec() == ["uniform", "stripes=3@8", "stripes@2:n=4", "checker@7"]
    assert Mixture.parse(["uniform=99", "stripes=98", "stripes:n=4"]).with_limits(
        {"stripes": 2}
    ).to_spec() == ["uniform=99", "stripes=98@1", "stripes@1:n=4"]
    assert mix.with_limits({}) == mix


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"perlin": 5}, "'perlin' .* to 5: it is not in the mixture; .* of uniform, stripes, chec"),
        ({"strips": 5}, "'strips' .*: did you mean 'stripes'"),
        ({"stripes": 1}, r"'stripes' .* to 1: must be from 2, .* to 999999999; write stripes=2"),
        ({"stripes": 10**9}, "must be from 2, .* to 999999999"),
        ({"uniform": 0}, "to 0: must be from 1, .*; write uniform=1"),
        ({"checker": 5}, r"'checker' .*: it has a limit already \(@7\); remove one"),
        ({"uniform": 5, "stripes": 5}, "every family of the mixture has a limit"),
    ],
)
def test_a_limit_that_a_mixture_cannot_have_is_refused(
    limits: dict[str, int], message: str
) -> None:
    mix = Mixture.parse(["uniform", "stripes", "stripes:n=4", "checker@7"])
    with pytest.raises(BadValue, match=message):
        mix.with_limits(limits)


def test_the_option_limits_a_family_of_a_preset_as_the_plan_then_says(
    make: Callable[..., Done], tmp_path: Path
) -> None:
    families = ("--family", "classic=7", "--family", "stripes=2:n=4")
    limits = ("--limit", "stripes=6", "--limit", "blobs=2")
    make("-n", 40, "-s", 24, *families, *limits, "-o", "few")
    rows = [json.loads(each) for each in (tmp_path / "few/metadata.jsonl").read_text().splitlines()]
    seen = Counter(row["generator"].partition(":")[0] for row in rows)
    assert (seen["stripes"], seen["blobs"]) == (6, 2)
    family = json.loads((tmp_path / "few/pixelgen.json").read_text())["job"]["family"]
    assert [each.partition(":")[0] for each in family if "@" in each] == [
        "stripes@2", "blobs@2", "stripes=2@4"
    ]  # fmt: skip
    spelled = [word for each in family for word in ("--family", each)]
    make("-n", 40, "-s", 24, *spelled, "-o", "spelled")
    assert tree_digest(tmp_path / "spelled") == tree_digest(tmp_path / "few")
    (tmp_path / "recipe.toml").write_text('family = ["classic=7", "stripes=2:n=4"]')
    make("-n", 25, "-s", 24, "--recipe", "recipe.toml", *limits, "-o", "grown")
    make("-n", 40, "-s", 24, *families, *limits, "-o", "grown")
    assert tree_digest(tmp_path / "grown") == tree_digest(tmp_path / "few")


def test_a_limit_counts_from_image_0_and_is_in_the_plan(
    make: Callable[..., Done], tmp_path: Path
) -> None:
    families = ("-s", 8, "--family", "uniform", "--family", "stripes=0.5@6:n=2..4")
    make("-n", 30, *families, "-o", "whole")
    make("-n", 20, *families, "--start", 10, "-o", "end")
    plan = json.loads((tmp_path / "end/pixelgen.json").read_text())
    assert plan["job"]["family"] == ["uniform=2", "stripes@6:n=2..4"]
    whole, end = (
        [json.loads(line) for line in (tmp_path / name / "metadata.jsonl").read_text().splitlines()]
        for name in ("whole", "end")
    )
    stripes = [row["index"] for row in whole if row["generator"].startswith("stripes")]
    assert len(stripes) == 6
    assert max(stripes) < 18
    assert [row["sha256"] for row in end] == [row["sha256"] for row in whole[10:]]


def test_images_are_the_same_from_any_start_in_partitions_and_with_any_workers(
    make: Callable[..., Done], run: Run, tmp_path: Path
) -> None:
    families = [word for family in MIX for word in ("--family", family)]
    options = ("-s", "9x7", "--layout", "webdataset:per_shard=5", *families)
    make("-n", 48, *options, "-j", 1, "-o", "whole")
    for part in (1, 2, 3):
        make("-n", 48, *options, "-j", 2, "--partition", f"{part}/3", "-o", "parts")
    assert run("finish", "parts", "-q").returncode == 0
    assert tree_digest(tmp_path / "parts") == tree_digest(tmp_path / "whole")
    make("-n", 17, *options, "--start", 31, "-j", 2, "-o", "end")
    whole, end = (
        [json.loads(line) for line in (tmp_path / name / "metadata.jsonl").read_text().splitlines()]
        for name in ("whole", "end")
    )
    assert [row["sha256"] for row in end] == [row["sha256"] for row in whole[31:]]
    assert Counter(row["generator"].partition(":")[0] for row in whole) == {
        "uniform": 24, "gaussian": 6, "stripes": 18
    }  # fmt: skip


def test_a_dataset_grows_to_the_one_that_one_run_makes(
    make: Callable[..., Done], tmp_path: Path
) -> None:
    families = [word for family in MIX for word in ("--family", family)]
    for count in (10, 33):
        make("-n", count, "-s", "9x7", *families, "-o", "grown")
    make("-n", 33, "-s", "9x7", *families, "-o", "whole")
    assert tree_digest(tmp_path / "grown") == tree_digest(tmp_path / "whole")


def test_a_mixture_that_drew_its_members_is_not_resumed(
    make: Callable[..., Done], run: Run, tmp_path: Path
) -> None:
    options = ("-n", "9", "-s", "8", "--family", "uniform", "--family", "checker", "-o", "set")
    make(*options)
    plan, manifest = tmp_path / "set/pixelgen.json", tmp_path / "set/metadata.jsonl"
    members = json.loads(plan.read_text())
    assert members["algorithm"] == "checker/1+mixture/2+uniform/1"
    plan.write_bytes(plan_text(members | {"algorithm": "checker/1+uniform/1"}))
    assert make(*options).stdout  # complete, so it stays
    manifest.unlink()
    done = run("generate", *options)
    assert done.returncode == 3
    assert "algorithm was checker/1+uniform/1, now it is checker/1+mixture/2" in done.stderr
    assert run("repair", "set").returncode == 3
