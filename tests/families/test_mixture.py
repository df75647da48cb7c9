"""Mixes: their spelling, their draws, presets; and sets made of them."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelgen import Job, registry
from pixelgen.errors import BadValue
from pixelgen.families import Family, Shape, base
from pixelgen.families.mixture import Mixture
from pixelgen.families.presets import PRESETS
from pixelgen.families.quotas import MemberChooser
from pixelgen.generator import Generator
from pixelgen.image_types import Pixels
from pixelgen.rng import Stream
from tests.fingerprints import PROMISED
from tests.support.command import Done, Run, tree_digest

MIXED = ["uniform=2", "gaussian:sigma=10..20", "stripes=3:n=2..5,tone=random|primary"]


def drawn(mix: Mixture, count: int, seed: int = 1) -> list[Family]:
    chooser = MemberChooser(mix.members, Stream(seed))
    return [chooser.choose(image)[1] for image in range(count)]


def lines(root: Path) -> list[str]:
    return (root / "metadata.jsonl").read_text().splitlines()


@pytest.mark.parametrize(
    ("spelling", "canonical"),
    [
        ("uniform", "uniform"),
        (" Uniform=01 ", "uniform"),
        ("gaussian=3", "gaussian"),
        ("gaussian=0.5:sigma=20", "gaussian:sigma=20.0"),
        ("gaussian:sigma=1..2,mean=3", "gaussian:mean=3.0,sigma=1.0..2.0"),
        ("stripes:n=2..20,tone=random|primary", "stripes:n=2..20,tone=random|primary"),
        ("smooth:sigma=1|2|4", "smooth:sigma=1.0|2.0|4.0"),
        ("pixel_shuffle:source=../a..b|c", "pixel_shuffle:source=../a..b|c"),
    ],
)
def test_a_mix_is_spelled_so_that_it_parses_back(spelling: str, canonical: str) -> None:
    mix = Mixture.parse([spelling])
    assert mix.to_spec() == canonical
    assert Mixture.parse([canonical]) == mix


@pytest.mark.parametrize(
    ("spelling", "message"),
    [
        ("unifrom", "'unifrom'.*'uniform'"),
        ("uniform=0", "weight '0'"),
        ("uniform=-1", "weight '-1'"),
        ("uniform=x", "weight 'x'"),
        ("uniform=0.000", "weight '0.000'"),
        ("uniform=1.2345", "weight '1.2345'.*three decimals"),
        ("uniform=1e3", "weight '1e3'"),
        ("uniform=1000000", "weight '1000000'.* 0.001 to 100000"),
        ("uniform=100000.001", "weight '100000.001'.* 0.001 to 100000"),
        ("uniform=.5", "weight '.5'"),
        ("uniform=", "weight ''"),
        ("odin=x", "weight 'x'"),
        ("uniform@0", "limit '0'.*uniform@50"),
        ("uniform@", "limit ''"),
        ("uniform@5=2", "limit '5=2'"),
        ("uniform=2@1.5", "limit '1.5'.*uniform=2@50"),
        ("odin@5", "preset 'odin'.*limit"),
        ("gaussian:sigma=3..1", "3..1"),
        ("gaussian:sigma=1..", "sigma.*number"),
        ("gaussian:sigma=..1", "sigma.*number"),
        ("gaussian:sigma=1..x", "sigma.*number"),
        ("gaussian:sigma=-1..1", "sigma=-1"),
        ("gaussian:sigma=1|x", "sigma=x.*number"),
        ("gaussian:sigma=1|2..3", "list.*range"),
        ("pixel_shuffle:source=", "source=VALUE"),
        ("pixel_shuffle:source=a, b", r"comma.*\\,"),
        ("ninco17:source=", "ninco17.*source=DIR"),
        ("stripes:n=2..9999", "n=9999"),
        ("stripes:tone=random|sepia", "tone=sepia.*random"),
        ("stripes:tone=a..b", r"tone=a\.\.b.*random"),
        ("gaussian:sgma=1..2", "'sgma'.*'sigma'"),
        ("odin:source=x", "'odin' reads no images.*':source=x'"),
        ("odin:x=1", "'odin' reads no images.*':x=1'"),
        ("ceda", "ceda.*images"),
        ("ninco17:sigma=3", "ninco17.*source=DIR"),
        ("ninco17=2:source=a,sigma=3", "ninco17.*source=a,sigma=3.*source=DIR"),
    ],
)
def test_what_cannot_be_mixed_is_refused(spelling: str, message: str) -> None:
    with pytest.raises(BadValue, match=message):
        Mixture.parse([spelling])
    with pytest.raises(BadValue):
        Mixture.parse(["uniform", spelling])


def test_an_empty_mix_is_refused() -> None:
    with pytest.raises(BadValue, match="family"):
        Job.parse(family=[])


def test_ranges_are_drawn_evenly_and_lists_alike() -> None:
    families = drawn(Mixture.parse(["gaussian:sigma=10..20,mean=1|2|4"]), 4000)
    values = [(vars(family)["sigma"], vars(family)["mean"]) for family in families]
    sigmas, means = (np.array(column) for column in zip(*values, strict=True))
    counts = np.histogram(sigmas, bins=10, range=(10, 20))[0]
    assert abs(counts - 400).max() < 5 * 20
    assert sigmas.min() >= 10
    assert sigmas.max() <= 20
    seen = Counter(means.tolist())
    assert seen.keys() == {1.0, 2.0, 4.0}
    assert max(abs(n - 4000 / 3) for n in seen.values()) < 5 * 30
    assert abs(np.corrcoef(sigmas, means)[0, 1]) < 5 / 4000**0.5

    stripes = drawn(Mixture.parse(["stripes:n=2..5"]), 4000)
    wholes = Counter(vars(family)["n"] for family in stripes)
    assert wholes.keys() == {2, 3, 4, 5}
    assert max(abs(n - 1000) for n in wholes.values()) < 5 * 28


@given(st.floats(0.3, 4096), st.floats(0.3, 4096), st.integers(0, 1000))
def test_a_drawn_value_lies_in_its_range_and_is_short(one: float, other: float, image: int) -> None:
    low, high = sorted((one, other))
    mix = Mixture.parse([f"smooth:sigma={low!r}..{high!r}"])
    sigma: float = vars(MemberChooser(mix.members, Stream(3)).choose(image)[1])["sigma"]
    assert low <= sigma <= high
    assert sigma in (low, high) or len(f"{sigma:.4g}".replace(".", "")) <= 9


def test_a_smaller_set_is_the_beginning_of_a_larger_one() -> None:
    small, large = (
        Job.parse(count=count, width=9, height=7, family=MIXED, seed=5) for count in (10, 100)
    )
    for index in range(10):
        assert (small[index] == large[index]).all()


def test_an_image_of_a_mix_is_that_of_its_family_alone() -> None:
    mixed = Job.parse(count=20, width=9, height=7, family=MIXED, seed=5)
    for index in range(20):
        family = str(Generator(mixed.image).origin(index).family)
        alone = Job.parse(count=20, width=9, height=7, family=family, seed=5)
        assert (mixed[index] == alone[index]).all()


def test_a_mix_goes_into_a_job_and_back() -> None:
    job = Job.parse(count=3, width=5, height=4, family=MIXED)
    spelled = json.loads(json.dumps(job.to_dict()))
    assert spelled["family"] == [
        "uniform=2", "gaussian:sigma=10.0..20.0", "stripes=3:n=2..5,tone=random|primary"
    ]  # fmt: skip
    assert Job.parse(**spelled) == job
    assert Job.parse(**spelled).digest == job.digest
    assert job.algorithm == "gaussian/1+mixture/2+stripes/1+uniform/1"


def test_a_job_names_the_versions_of_families_that_others_are_made_from() -> None:
    leaves = Job.parse(family="dead_leaves:fill=smooth|uniform")
    assert leaves.algorithm == "dead_leaves/1+smooth/2+uniform/1"
    assert "dead_leaves/1" in Job.parse(family="pixel_shuffle").algorithm
    assert "dead_leaves" not in Job.parse(family="pixel_shuffle:source=photos").algorithm


@pytest.mark.parametrize("spelling", PROMISED)
def test_a_family_says_which_others_it_draws(
    spelling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = registry.parse(Family, spelling)
    drawn = {family.name}

    def note(other: Family, *rest: object) -> Pixels:
        drawn.add(other.name)
        return plain(other, *rest)

    plain: Callable[..., Pixels] = base._render_without_coverage
    monkeypatch.setattr(base, "_render_without_coverage", note)
    family.sample(1, 2, Shape(8, 8))
    assert drawn == {each.partition("/")[0] for each in family.algorithms}


def test_every_row_names_its_family_with_what_was_drawn(
    make: Callable[..., Done], run: Run, tmp_path: Path
) -> None:
    families = [word for family in MIXED for word in ("--family", family)]
    make("-n", 60, "-s", "16x9", *families, "--color", "red", "-o", "set")
    rows = [json.loads(line) for line in lines(tmp_path / "set")]

    assert len({tuple(row) for row in rows}) == 1  # the same columns in every row
    names = Counter(row["generator"].partition(":")[0] for row in rows)
    assert names.keys() == {"uniform", "gaussian", "stripes"}
    for row in rows:
        family = registry.parse(Family, row["generator"])
        drawn = {"gaussian": "sigma=", "stripes": "n=", "uniform": ""}[family.name]
        assert drawn in row["generator"]
    assert run("verify", "--deep", "set").returncode == 0
    text = (tmp_path / "set/metadata.jsonl").read_text()
    (tmp_path / "set/metadata.jsonl").write_text(text.replace("stripes", "checker", 1))
    assert run("verify", "set").returncode == 3


@pytest.mark.slow
def test_a_mixed_set_is_the_same_for_every_number_of_workers_and_formats_fit(
    make: Callable[..., Done], tmp_path: Path
) -> None:
    options = ("-n", 300, "-s", 24, "--family", "default", "--seed", 3)
    digests = set()
    for jobs in (1, 2, 3):
        make(*options, "-j", jobs, "-o", f"set{jobs}")
        digests.add(tree_digest(tmp_path / f"set{jobs}"))
    assert len(digests) == 1
    make(*options, "-f", "jpeg", "--layout", "tar", "-o", "jpegs")


def test_density_suits_the_family_of_each_image(make: Callable[..., Done], tmp_path: Path) -> None:
    make("-n", 20, "-s", 16, "--family", "uniform", "--family", "blobs", "--color", "tr", "-o", "s")
    rows = [json.loads(line) for line in lines(tmp_path / "s")]
    assert {(row["generator"], row["density"]) for row in rows} == {("uniform", 0.5), ("blobs", 1)}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_draws_each_of_its_members(name: str) -> None:
    sourced = ":source=photos" if PRESETS[name].needs_source else ""
    mix = Mixture.parse([name + sourced])
    expected = len(PRESETS[name].members) + (len(PRESETS[name].sourced) if sourced else 0)
    assert len(mix.members) == expected
    weights = {str(member): member.weight for member in mix.members}
    names = Counter(family.name for family in drawn(mix, int(sum(weights.values()))))
    assert names == Counter(
        member.family.name for member in mix.members for _ in range(int(member.weight))
    )
    if not sourced:
        job = Job.parse(count=8, width=33, height=20, family=name, depth=16, mode="L")
        assert all(image.shape == (20, 33, 1) for image in job)


def test_presets_take_the_users_images_where_they_need_them() -> None:
    spelled = Mixture.parse(["ninco17:source=photos"]).to_spec()
    assert len(spelled) == 17
    assert spelled[-2:] == [
        "pixel_shuffle:source=photos",
        "pixel_shuffle:source=photos,side=224,sigma=1.0|1.5|2.0|3.0|4.0|6.0|8.0",
    ]
    assert len(Mixture.parse(["ninco17"]).members) == 15


def test_no_preset_bears_the_name_of_a_family() -> None:
    assert not PRESETS.keys() & registry.components("family").keys()


@pytest.mark.parametrize("side", [16, 32])
def test_images_of_the_default_differ_and_are_not_of_one_color(side: int) -> None:
    job = Job.parse(count=280, size=side, family="default", seed=3)
    images = [*job]
    assert len({image.tobytes() for image in images}) == len(images)
    assert all((np.ptp(image, axis=(0, 1)) > 0).any() for image in images)
