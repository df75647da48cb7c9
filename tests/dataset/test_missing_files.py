"""What is said to be complete is: names and sizes are compared with the disk first."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from pixelgen.cli import main
from pixelgen.dataset.missing_files import missing_files
from pixelgen.dataset.plan import plan_text
from pixelgen.dataset.run_config import RunConfig
from pixelgen.engines import Serial
from pixelgen.job import Job
from pixelgen.layouts.layout import UNIVERSAL
from pixelgen.storage import LocalStore
from tests.support.command import Run, tree_digest
from tests.support.datasets import write
from tests.support.faults import format_of, layouts

SERIAL = RunConfig(Serial())
GENERATE = (
    "generate",
    "-n",
    "12",
    "-s",
    "9x7",
    "-j",
    "1",
    "-q",
    "-o",
    "set",
    "--layout",
    UNIVERSAL,
)
CLAIMS: dict[str, tuple[str, ...]] = {
    "generate": GENERATE,
    "more sidecars": (*GENERATE, "--layout", "files,csv"),
    "dry run": (*GENERATE, "--dry-run"),
    "partition": (*GENERATE, "--partition", "1/2"),
    "index": ("index", "set", "--layout", "csv", "-q"),
    "finish": ("finish", "set", "-q"),
    "status": ("status", "set"),
    "gather": ("finish", "gathered", "set", "-q"),
}
SPOIL: dict[str, Callable[[Path], object]] = {
    "removed": Path.unlink,
    "short": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "long": lambda path: path.write_bytes(path.read_bytes() + b"x"),
}


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert main(GENERATE) == 0
    return Path("set")


@pytest.mark.parametrize("spoil", SPOIL)
@pytest.mark.parametrize("claim", CLAIMS)
def test_no_command_reports_a_dataset_with_a_missing_file_as_complete(
    claim: str, spoil: str, dataset: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = tree_digest(dataset)
    image = dataset / "images/000004.png"
    SPOIL[spoil](image)
    capfd.readouterr()

    assert main(CLAIMS[claim]) == 3
    said = capfd.readouterr()
    assert "images/000004.png" in said.err
    assert "pixelgen repair set\n" in said.err
    assert "12 of 12" not in said.out
    assert main(("repair", "set", "-q", "-j", "1")) == 0  # what it says brings it back does
    assert tree_digest(dataset) == whole


@pytest.mark.parametrize("name", ["SHA256SUMS", "coco.json", "labels/000003.txt"])
def test_missing_files_beside_the_images_are_found(
    name: str, dataset: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = tree_digest(dataset)
    (dataset / name).unlink()
    capfd.readouterr()

    assert main(GENERATE) == 3
    assert name in capfd.readouterr().err
    assert main(("repair", "set", "-q", "-j", "1")) == 0
    assert tree_digest(dataset) == whole


def test_status_counts_existing_images(dataset: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for number in (3, 4):
        (dataset / f"images/00000{number}.png").unlink()
    capfd.readouterr()

    assert main(("status", "set", "--json")) == 3
    status = json.loads(capfd.readouterr().out)
    assert (status["state"], status["existing"], status["count"]) == ("damaged", 10, 12)
    assert status["missing_files"] == ["images/000003.png", "images/000004.png"]
    assert main(("status", "set")) == 3
    assert "10 of 12" in capfd.readouterr().out


@pytest.mark.parametrize("checksum", ["sha256", "none"])
@pytest.mark.parametrize("layout", layouts(5))
def test_a_complete_dataset_misses_no_file_and_each_removed_file_is_found(
    layout: str, checksum: str, tmp_path: Path
) -> None:
    if layout == "bagit" and checksum == "none":
        pytest.skip("a bag always lists checksums")
    store = LocalStore(str(tmp_path / "set"), "none")
    options = {"count": 12, "width": 9, "height": 7, "format": format_of(layout, "png")}
    job = Job.parse(layout=layout, checksum=checksum, **options)
    write(job, store, SERIAL)

    assert list(missing_files(job, store)) == []
    for path in sorted((tmp_path / "set").rglob("*")):
        name = str(path.relative_to(tmp_path / "set"))
        if path.is_file() and name not in ("pixelgen.json", job.manifest):
            path.rename(tmp_path / "aside")
            assert name in [missed.name for missed in missing_files(job, store)]
            (tmp_path / "aside").rename(path)


def test_status_says_if_it_did_not_count(
    dataset: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixelgen.dataset.missing_files.COUNTED", 3)
    for path in (dataset / "images").iterdir():
        path.unlink()
    capfd.readouterr()

    assert main(("status", "set")) == 3
    said = capfd.readouterr()
    assert "at most 9 of 12" in said.out
    assert re.search(r"at least 3\b.*missing", said.err)


@pytest.mark.parametrize("checksum", ["sha256", "none"])
@pytest.mark.parametrize("spoilt", ["rows", "plan", "sources"])
def test_an_index_of_damaged_files_is_refused(
    spoilt: str, checksum: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    Image.new("RGB", (16, 16)).save("photos/a.png")
    made = (
        f"generate -n 5 -s 8 -q -o set --family pixel_shuffle:source=photos --checksum {checksum}"
    )
    assert main(made.split()) == 0
    whole = tree_digest(Path("set"))
    name = {"rows": "metadata.jsonl", "plan": "pixelgen.json", "sources": "sources.jsonl"}[spoilt]
    path, text = Path("set", name), Path("set", name).read_text()
    if spoilt == "rows":
        path.write_text(text + text.splitlines(keepends=True)[0])
    elif spoilt == "plan":
        members = json.loads(text)
        members["job"]["count"] = 4
        path.write_bytes(plan_text(members))
    else:
        path.write_text(text.replace('"width": 16', '"width": 17'))
    before = tree_digest(Path("set"))

    assert main(("index", "set", "--layout", "coco", "-q")) == 3
    assert tree_digest(Path("set")) == before
    assert main(("verify", "set", "-q", "-j", "1")) == 3
    path.write_text(text) if spoilt == "plan" else main(("repair", "set", "-q", "-j", "1"))
    assert tree_digest(Path("set")) == whole


def test_a_truncated_manifest_is_not_complete(dataset: Path) -> None:
    manifest = dataset / "metadata.jsonl"
    manifest.write_text("".join(manifest.read_text().splitlines(keepends=True)[:-1]))
    shutil.copytree(dataset, "copy")

    assert main(GENERATE) == 3
    assert main(("repair", "set", "-q", "-j", "1")) == 0
    assert main(GENERATE) == 0


@pytest.mark.parametrize("layout", ["tar:per_shard=2", "mds", "files,yolo"])
def test_a_dataset_of_the_users_images_is_complete_in_any_layout(
    run: Run, tmp_path: Path, layout: str
) -> None:
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (20, 20), (9, 9, 9)).save(tmp_path / "photos/a.png")
    command = ("generate", "-n", 5, "-s", 8, "-q", "--layout", layout,
               "--family", "pixel_shuffle:source=photos", "-o", "out")  # fmt: skip
    for _ in range(2):
        assert run(*command).returncode == 0
    (tmp_path / "photos/a.png").unlink()
    assert run("status", "out").returncode == 0
    assert run(*command).returncode == 0
    (tmp_path / "out/sources.jsonl").unlink()
    done = run("status", "out")
    assert done.returncode == 3
    assert "sources.jsonl" in done.stderr
