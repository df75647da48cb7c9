"""Bits that flip on the disk: each is found, and repaired or refused; an intact dataset has none.

Only a flip in the plan may be refused: then nothing is changed, and where there are checksums the
same command restores the plan once its file is removed.
"""

import random
from pathlib import Path

import pytest
from PIL import Image

from pixelgen.dataset.existing_plan import finished_plan
from pixelgen.dataset.repair import repair, repair_plan
from pixelgen.dataset.run_config import RunConfig
from pixelgen.dataset.verify import check
from pixelgen.engines import Serial
from pixelgen.errors import Conflict
from pixelgen.job import Job
from pixelgen.storage import LocalStore
from tests.support.command import tree_digest
from tests.support.datasets import write
from tests.support.faults import flip, format_of, layouts, trials

pytestmark = pytest.mark.faults

SERIAL = RunConfig(Serial())
KINDS: dict[str, dict[str, object]] = {
    **{layout: {"layout": layout} for layout in layouts(5)},
    "deflated": {"count": 30, "family": "stripes", "color": "red"},
    "mixed": {"family": ["uniform", "blobs=2:sigma=1..2"], "format": "jpeg"},
    "sources": {"family": "pixel_shuffle:source=photos"},
    "no sums": {"checksum": "none", "layout": "universal", "split": "train=0.5,val=0.5"},
}


@pytest.fixture(params=KINDS)
def options(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, object]:
    """The options of a dataset; the images that some are made from are in the current folder."""
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for level in (50, 100, 150):
        Image.new("RGB", (32, 32), (level, 0, 0)).save(f"photos/{level}.png")
    return {"count": 12} | KINDS[request.param]


def made(root: str, **options: object) -> LocalStore:
    store = LocalStore(root, "none")
    write(Job.parse(width=9, height=7, **options), store, SERIAL)
    return store


def found(store: LocalStore, *, deep: bool) -> bool:
    """Tell whether a check finds any damage."""
    try:
        return any(one.damage for one in check(finished_plan(store), store, SERIAL, deep=deep))
    except Conflict:
        return True


def repaired_any(store: LocalStore, *, deep: bool) -> bool:
    """Repair a dataset; return whether any file was written again."""
    job, damage = repair_plan(store)
    for one in repair(job, store, SERIAL, deep=deep):
        damage += one.damage
    return bool(damage)


def plan_refusal(store: LocalStore) -> str:
    """Restore a damaged plan; return what is said if that is refused, else an empty string."""
    try:
        _, damage = repair_plan(store)
    except Conflict as error:
        return str(error)
    assert [name for name, _ in damage] == ["pixelgen.json"]
    return ""


def test_every_flipped_bit_of_any_file_is_found_and_repaired(options: dict[str, object]) -> None:
    store = made("set", **options)
    root = Path(store.root)
    deep = not (root / "SHA256SUMS").exists()  # then nothing but the job knows the bytes
    whole = tree_digest(root)
    files = sorted(file for file in root.rglob("*") if file.is_file() and file.stat().st_size)
    files.remove(root / "pixelgen.json")
    dice = random.Random(7)
    for trial in range(trials(25)):
        file = files[trial % len(files)]
        flip(file, bit := dice.randrange(8 * file.stat().st_size))
        assert found(store, deep=deep), (file, bit)
        assert repaired_any(store, deep=deep), (file, bit)
        assert tree_digest(root) == whole, (file, bit)
    assert not found(store, deep=True)


def test_every_flipped_bit_of_a_plan_is_found_and_restored_or_refused(
    options: dict[str, object],
) -> None:
    store = made("set", **options)
    root, plan = Path(store.root), Path(store.root, "pixelgen.json")
    whole, text = tree_digest(root), plan.read_bytes()
    has_sums = (root / "SHA256SUMS").exists()
    bits = random.Random(7).sample(range(8 * len(text)), trials(25))
    crc = text.rindex(b'"crc32": "') + len(b'"crc32": "')
    restored = refused = 0
    for bit in (*bits, 8 * crc + 1):
        flip(plan, bit)
        flipped = tree_digest(root)
        assert found(store, deep=False), bit
        if refusal := plan_refusal(store):
            refused += 1
            assert "restore it" in refusal
            assert tree_digest(root) == flipped, bit
            plan.unlink()
            if has_sums:
                made("set", **options)
            else:  # nothing vouches for the plan
                plan.write_bytes(text)
        else:
            restored += 1
        assert tree_digest(root) == whole, bit
    assert refused
    assert bool(restored) == has_sums
    assert not found(store, deep=True)


FAMILIES = ("uniform", "gaussian", "stripes", "blobs", "dead_leaves", "default")
FORMATS = ("png", "jpeg", "webp", "bmp", "tiff", "qoi", "npy")


@pytest.mark.parametrize("seed", range(trials(3)))
def test_no_damage_is_found_in_an_intact_dataset(seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    layout = dice.choice(layouts(dice.randrange(1, 20)))
    store = made(
        str(tmp_path),
        count=dice.randrange(60),
        layout=layout,
        family=dice.choice(FAMILIES),
        format=format_of(layout, dice.choice(FORMATS)),
        color=dice.choice([None, "red"]),
        checksum=dice.choice(["sha256", "sha256", "sha256" if layout == "bagit" else "none"]),
        seed=seed,
    )
    before = [(path, path.stat().st_mtime_ns) for path in sorted(tmp_path.rglob("*"))]

    assert not found(store, deep=False)
    assert not found(store, deep=True)
    assert not repaired_any(store, deep=True)
    assert [(path, path.stat().st_mtime_ns) for path in sorted(tmp_path.rglob("*"))] == before
