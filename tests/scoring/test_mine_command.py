"""``pixelgen mine`` and ``select`` as users run them, with a function in place of a model."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pixelgen
from pixelgen.errors import PixelgenError
from pixelgen.scoring.mined_dataset import MinedDataset
from tests.support.command import Done, Run, tree_digest

FAMILIES = ("--family", "uniform", "--family", "stripes", "--family", "gradient", "--family",
            "smooth")  # fmt: skip
BASE = ("--threshold", 0.58, "--keep", 40, "--budget", 3000, "-s", 16, *FAMILIES)
COUNTED = '''
from pathlib import Path


def score(images):
    """Count the images that are scored, in a file."""
    with Path("scored.txt").open("a") as file:
        file.write("x" * len(images))
    return images.mean(axis=(1, 2, 3)) / 255
'''


def mine(run: Run, model: str, *options: object) -> Done:
    return run("mine", "--model", model, *BASE, *options)


def rows_of(root: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (root / "metadata.jsonl").read_text().splitlines()]


def result_of(done: Done, code: int = 0) -> dict[str, Any]:
    assert done.returncode == code, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def hard(bright: str, run: Run, tmp_path: Path) -> Path:
    done = mine(run, bright, "-o", "hard", "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "hard/metadata.jsonl\n", "")
    return tmp_path / "hard"


def test_the_images_are_candidates_of_the_job_and_the_rows_say_which(hard: Path, run: Run) -> None:
    rows = rows_of(hard)
    assert [row["mined"] for row in rows].count(True) == 20
    assert len(rows) == 40
    job = pixelgen.Job(count=3000, size=16, family=["uniform", "stripes", "gradient", "smooth"])
    dataset = pixelgen.load(hard)
    for image, row in dataset:
        assert np.array_equal(image, job[row["candidate"]])
        assert row["score"] == round(float(image.mean() / 255), 4)
        assert row["predicted"] == ("day" if row["score"] > 0.5 else "night")
        assert row["score"] >= 0.58 or not row["mined"]
    for is_mined in (True, False):
        numbers = [row["candidate"] for row in rows if row["mined"] == is_mined]
        assert numbers == sorted({*numbers})
    assert all(rows[place]["mined"] != rows[place + 1]["mined"] for place in range(0, 40, 2))
    selection = [*map(json.loads, (hard / "selection.jsonl").read_text().splitlines())]
    columns = ("candidate", "score", "predicted", "mined")
    assert selection == [{name: row[name] for name in columns} for row in rows]
    families = [row["generator"].partition(":")[0] for row in rows if row["mined"]]
    assert max(map(families.count, families)) <= 10  # half of 20: twice an even share of four
    assert run("verify", "hard", "--deep").returncode == 0


def test_all_scores_are_kept_with_what_they_were_made_by(hard: Path) -> None:
    record = json.loads((hard / "mining.json").read_text())
    scores = np.load(hard / "scores.npy")
    assert len(scores) == record["scored"]
    assert record["scored"] % 256 == 0
    job = pixelgen.Job(count=3000, size=16, family=["uniform", "stripes", "gradient", "smooth"])
    for number in range(0, len(scores), 97):
        assert round(float(scores["score"][number]), 4) == round(float(job[number].mean() / 255), 4)
        family = record["families"][scores["family"][number]]
        assert job.row(number)["generator"].startswith(family)
    digest = hashlib.sha256((hard.parent / "bright.py").read_bytes()).hexdigest()
    assert record["model"] == {"function": "bright:score", "sha256": digest}
    assert record["rules"]["threshold"] == 0.58
    assert str(hard.parent) not in (hard / "mining.json").read_text()


@pytest.mark.parametrize(
    ("image_format", "layout"), [("png", "webdataset:per_shard=7"), ("jpeg:quality=5", "files")]
)
def test_a_mined_dataset_has_the_scores_of_its_files(
    image_format: str, layout: str, bright: str, run: Run, tmp_path: Path
) -> None:
    done = mine(run, bright, "-f", image_format, "--layout", layout, "-o", "out", "-s", "8..24",
                "--json")  # fmt: skip
    result_of(done)
    highest = max(row["score"] for row in rows_of(tmp_path / "out"))
    found = run("score", "out", "--model", bright, "--threshold", 0.58, "--json", "-q")
    assert result_of(found)["all"]["highest"] == highest
    assert result_of(found)["all"]["fooled"] >= 20
    assert run("verify", "out", "--deep").returncode == 0


def test_a_search_is_not_repeated(run: Run, tmp_path: Path) -> None:
    (tmp_path / "counted.py").write_text(COUNTED)
    first = result_of(mine(run, "counted:score", "-o", "hard", "--json"))
    before = (tmp_path / "scored.txt").stat().st_size
    assert (first["mined"], first["plain"], first["created"]) == (20, 20, 40)
    digest = tree_digest(tmp_path / "hard")
    again = result_of(mine(run, "counted:score", "-o", "hard", "--json"))
    assert again == first | {"created": 0, "existing": 40, "bytes": 0, "seconds": again["seconds"]}
    assert (tmp_path / "scored.txt").stat().st_size == before
    assert tree_digest(tmp_path / "hard") == digest
    other = mine(run, "counted:score", "-o", "hard", "--keep", 20)
    assert other.returncode == 3
    assert "hard holds another job" in other.stderr
    assert tree_digest(tmp_path / "hard") == digest


def test_of_a_model_that_nothing_fools_no_dataset_is_written(run: Run, tmp_path: Path) -> None:
    (tmp_path / "counted.py").write_text(COUNTED)
    done = mine(run, "counted:score", "-o", "out", "--threshold", 0.99, "--budget", 600)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "none of 600 candidates is mined" in done.stderr
    assert "family " in done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".pixelgen.search"]
    scored = (tmp_path / "scored.txt").stat().st_size
    lower = result_of(mine(run, "counted:score", "-o", "out", "--budget", 600, "--keep", 4,
                           "--json"))  # fmt: skip
    assert lower["is_full"]
    assert (tmp_path / "scored.txt").stat().st_size == scored
    assert not (tmp_path / "out/.pixelgen.search").exists()


def test_a_greater_budget_resumes_a_search_without_a_find(run: Run, tmp_path: Path) -> None:
    (tmp_path / "counted.py").write_text(COUNTED)
    small = ("-o", "out", "--threshold", 0.99)
    assert mine(run, "counted:score", *small, "--budget", 600).returncode == 1
    assert mine(run, "counted:score", *small, "--budget", 1024).returncode == 1
    scored = (tmp_path / "scored.txt").stat().st_size
    assert scored == 600 + 1024 - 512  # the block of 88 candidates is scored again with the rest


def test_what_was_found_is_kept_if_it_is_too_little(bright: str, run: Run, tmp_path: Path) -> None:
    short = ("-o", "out", "--keep", 400, "--budget", 900)
    done = mine(run, bright, *short, "--json")
    found = result_of(done, 1)
    assert not found["is_full"]
    assert 0 < found["mined"] < 200
    assert found["plain"] == found["mined"]
    assert sum(found["by_family"].values()) == found["mined"]
    assert f"found {found['mined']} of 200 mined images" in done.stderr
    assert len(rows_of(tmp_path / "out")) == found["count"] == 2 * found["mined"]
    assert run("verify", "out", "--deep").returncode == 0
    again = mine(run, bright, *short, "--json")
    assert result_of(again, 1)["created"] == 0


def test_a_next_round_continues_after_the_last(hard: Path, bright: str, run: Run) -> None:
    first = rows_of(hard)
    earlier = MinedDataset.open(hard)
    done = run("mine", "--model", bright, "--threshold", 0.6, "--keep", 20, "--after", "hard",
               "-o", "second", "--json")  # fmt: skip
    assert result_of(done)["carried"] == 40
    rows = rows_of(hard.parent / "second")
    drop = ("bytes", "sha256")
    assert [{k: v for k, v in row.items() if k not in drop} for row in rows[:40]] == [
        {k: v for k, v in row.items() if k not in drop} for row in first
    ]
    assert all(row["candidate"] >= earlier.record.end for row in rows[40:])
    assert len(rows) == 60
    assert all(
        (hard / row["file_name"]).read_bytes() == (hard.parent / "second" / row["file_name"])
        .read_bytes() for row in first
    )  # fmt: skip
    record = json.loads((hard.parent / "second/mining.json").read_text())
    assert record["after"] == json.loads((hard / "pixelgen.json").read_text())["digest"]
    assert record["first"] == earlier.record.end
    assert run("verify", "second", "--deep").returncode == 0
    chosen = run("select", "second", "--keep", 10, "-o", "chosen", "--json")
    assert result_of(chosen)["count"] == 50


def test_a_next_round_has_the_splits_of_the_last(bright: str, run: Run, tmp_path: Path) -> None:
    split = ("--split", "train=0.9,val=0.1")
    assert mine(run, bright, "-o", "first", *split, "-q").returncode == 0
    done = run("mine", "--model", bright, "--threshold", 0.6, "--keep", 20, "--after", "first",
               "-o", "second", "--json")  # fmt: skip
    assert result_of(done)["carried"] == 40
    assert {row["split"] for row in rows_of(tmp_path / "second")} == {"train", "val"}


def test_images_that_were_removed_are_not_taken_along(hard: Path, bright: str, run: Run) -> None:
    assert run("remove", "hard", "--index", "0-9").returncode == 0
    done = run("mine", "--model", bright, "--threshold", 0.6, "--keep", 4, "--after", "hard", "-o",
               "second", "--json")  # fmt: skip
    assert result_of(done)["carried"] == 30


def test_near_duplicates_of_earlier_rounds_are_not_mined(bright: str, run: Run) -> None:
    few = ("mine", "--model", bright, "--threshold", 0, "--plain", 0, "--keep", 60, "--budget", 512)
    gray = ("--family", "solid", "--mode", "L", "-s", 16)
    found = result_of(run(*few, *gray, "-o", "one", "--json"), 1)["mined"]
    assert 9 <= found <= 16  # levels that are at least 17 apart
    again = run(*few, "--after", "one", "-o", "two", "--json")
    assert json.loads(again.stdout).get("mined", 0) < found


@pytest.mark.parametrize(
    ("options", "message"),
    [(("--after", "hard", "--family", "uniform"), "were others (family)"),
     (("--after", "hard", "--seed", "3"), "were others (seed)"),
     (("--after", "hard", "--start", "5"), "must begin at"),
     (("--after", "made"), "was not mined"),
     (("--after", "missing"), "missing holds no pixelgen dataset"),
     (("--threshold", "tpr95"), "give --positives DIR"),
     (("--seed", "random"), "cannot be resumed"),
     (("-o", "-"), "cannot be written to standard output"),
     (("--blob",), "cannot be written to standard output"),
     (("--keep", "0"), "keep 0 is out of range"),
     (("--plain", "1"), "--plain"),
     (("--budget", "0"), "there are no candidates"),
     (("--per-family", "0.1"), "give --per-family 0.25 or more"),
     (("--recipe", "remote.toml"), "fetched images")],
)  # fmt: skip
def test_mistakes_are_refused_before_anything_is_scored(
    options: tuple[str, ...], message: str, hard: Path, run: Run
) -> None:
    assert run("generate", "-n", 3, "-s", 8, "-o", "made", "-q").returncode == 0
    (hard.parent / "remote.toml").write_text('remote = "https://example.org"\n')
    (hard.parent / "counted.py").write_text(COUNTED)
    scored = (*BASE,) if "--after" not in options else BASE[:6]
    done = run("mine", "--model", "counted:score", *scored, "-o", "other", *options)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert not (hard.parent / "scored.txt").exists()
    assert not (hard.parent / "other").exists()
    assert done.stderr.strip().count("\n") == 0


def test_a_model_that_does_not_find_the_users_objects_stops_the_search(
    bright: str, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "dark").mkdir()
    Image.new("RGB", (9, 9), (20,) * 3).save(tmp_path / "dark/1.png")
    done = mine(run, bright, "--positives", "dark", "-o", "out")
    assert done.returncode == 2
    assert "the model does not find its objects there" in done.stderr
    assert not (tmp_path / "out").exists()


LEFT = '''
def score(images):
    """Take images for objects whose left column is brighter than the right one."""
    left, right = (images[:, :, side].mean(axis=(1, 2)) for side in (0, -1))
    return 0.5 + (left - right) / 510
'''


def test_robust_images_fool_the_model_mirrored_and_shifted_too(run: Run, tmp_path: Path) -> None:
    (tmp_path / "left.py").write_text(LEFT)
    options = ("mine", "--model", "left:score", "--threshold", 0.52, "--keep", 20, "--plain", 0,
               "--budget", 512, "-s", 16, "--family", "gradient", "--per-family", 1)  # fmt: skip
    assert result_of(run(*options, "-o", "plain", "--json"))["is_full"]
    done = run(*options, "--robust", "-o", "robust")
    assert done.returncode == 1  # the mirrored image scores 1 minus as much
    assert "none of 512 candidates is mined" in done.stderr
    few = (*options[:4], 0.45, *options[5:])
    assert run(*few, "--robust", "-o", "robust45").returncode == 0
    low = run("select", "robust45", "--threshold", 0.4, "-o", "lower")
    assert low.returncode == 2
    assert "were not scored mirrored and shifted" in low.stderr


def test_own_images_with_high_scores_are_excluded_and_listed(
    bright: str, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "scenes").mkdir()
    for number, level in enumerate((250, 180, 60)):
        levels = np.random.default_rng(number).integers(level - 60, level, (64, 64, 3))
        Image.fromarray(levels.astype(np.uint8)).save(tmp_path / f"scenes/{number}.png")
    done = run("mine", "--model", bright, "--threshold", 0.5, "--own-limit", 0.8, "--keep", 12,
               "--family", "crop:source=scenes", "-s", 16, "-o", "crops", "--json")  # fmt: skip
    found = result_of(done)
    rows = rows_of(tmp_path / "crops")
    assert "0.png" not in {row["source"] for row in rows}
    excluded = json.loads((tmp_path / "crops/mining.json").read_text())["excluded"]
    assert {each["source"] for each in excluded} == {"0.png"}
    assert len(excluded) == found["excluded"] > 0
    assert all(each["score"] >= 0.8 and each["crop_width"] >= 16 for each in excluded)
    assert "may hold" in done.stderr or "no label" in done.stderr
    assert run("verify", "crops", "--deep").returncode == 0


def test_other_commands_know_a_mined_dataset(hard: Path, run: Run) -> None:
    done = run("generate", *FAMILIES, "-n", 40, "-s", 16, "-o", "hard")
    assert done.returncode == 3
    assert "selection is" in done.stderr
    recipe = run("generate", "--recipe", "hard/pixelgen.json", "-o", "other")
    assert recipe.returncode == 2
    assert "run: pixelgen select DATASET -o OTHER" in recipe.stderr
    assert run("index", "hard", "--layout", "coco,csv").returncode == 0
    assert "predicted" in (hard / "manifest.csv").read_text().splitlines()[0]
    assert run("status", "hard").returncode == run("finish", "hard").returncode == 0
    assert run("verify", "hard", "--deep").returncode == 0


def test_another_selection_needs_no_model(hard: Path, run: Run, tmp_path: Path) -> None:
    (tmp_path / "bright.py").unlink()
    same = run("select", "hard", "-o", "same", "-q")
    assert same.returncode == 0, same.stderr
    assert tree_digest(tmp_path / "same") == tree_digest(hard)
    rules = ("--threshold", 0.6, "--keep", 12, "--plain", 0.25, "--per-family", 0.5)
    done = run(
        "select",
        "hard",
        *rules,
        "--per-class",
        7,
        "--layout",
        "webdataset",
        "-o",
        "other",
        "--json",
    )
    found = result_of(done, 1)  # 7 of the only class
    assert (found["mined"], found["plain"]) == (7, 2)
    assert run("verify", "other", "--deep").returncode == 0
    assert (tmp_path / "other/scores.npy").read_bytes() == (hard / "scores.npy").read_bytes()


@pytest.mark.parametrize("name", ["scores.npy", "mining.json", "selection.jsonl"])
@pytest.mark.parametrize("damage", ["missing", "damaged", "cut"])
def test_a_damaged_record_is_named(name: str, damage: str, hard: Path, run: Run) -> None:
    path = hard / name
    data = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes(data[: len(data) // 2] if damage == "cut" else b"[" + data[1:])
    done = run("select", "hard", "-o", "other")
    assert done.returncode in (2, 3)
    assert name in done.stderr or "was not mined" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (hard.parent / "other").exists()
    assert run("verify", "hard").returncode == 3


def test_a_lost_record_is_not_said_to_be_made_again(hard: Path, run: Run) -> None:
    (hard / "scores.npy").unlink()
    done = run("status", "hard")
    assert done.returncode == 3
    assert "scores.npy; they cannot be made again without the model" in done.stderr


def test_scores_that_were_edited_are_refused(hard: Path, run: Run) -> None:
    scores = np.load(hard / "scores.npy")
    scores["score"][3] = 0.99
    np.save(hard / "scores.npy", scores)
    done = run("select", "hard", "-o", "other")
    assert done.returncode == 3
    assert "scores.npy is missing, or not as SHA256SUMS lists it" in done.stderr


@pytest.mark.parametrize("value", [np.nan, np.inf, 2, -1])
def test_scores_that_are_no_confidences_are_refused(
    value: float, bright: str, run: Run, tmp_path: Path
) -> None:
    assert mine(run, bright, "-o", "hard", "-q", "--checksum", "none").returncode == 0
    scores = np.load(tmp_path / "hard/scores.npy")
    scores["score"][3] = value
    np.save(tmp_path / "hard/scores.npy", scores)
    done = run("select", "hard", "-o", "other")
    assert done.returncode == 3
    assert "hard/scores.npy is damaged (a score is not within 0 … 1)" in done.stderr
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("member", "value"),
    [("robust_from", "a"), ("families", ["solid", "solid"]), ("scored", -1), ("first", 10**18),
     ("scored", 10**400), ("rules", None), ("excluded", {}), ("schema", 2), ("unknown", 1)],
)  # fmt: skip
def test_a_record_that_was_edited_is_refused(
    member: str, value: object, bright: str, run: Run, tmp_path: Path
) -> None:
    assert mine(run, bright, "-o", "hard", "-q", "--checksum", "none").returncode == 0
    path = tmp_path / "hard/mining.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {member: value}))
    done = run("select", "hard", "-o", "other")
    assert done.returncode == 3
    assert "hard/mining.json is damaged or of another version" in done.stderr
    assert done.stderr.count("\n") == 1


def test_removed_images_are_not_selected_again(hard: Path, run: Run) -> None:
    removed = {row["candidate"] for row in rows_of(hard)[:6]}
    assert run("remove", "hard", "--index", "0-5").returncode == 0
    assert run("select", "hard", "--keep", 30, "-o", "other").returncode == 0
    assert not removed & {row["candidate"] for row in rows_of(hard.parent / "other")}


def test_a_function_that_was_changed_is_another_model(run: Run, tmp_path: Path) -> None:
    (tmp_path / "counted.py").write_text(COUNTED)
    short = ("-o", "out", "--threshold", 0.99, "--budget", 600)
    assert mine(run, "counted:score", *short).returncode == 1
    (tmp_path / "counted.py").write_text(COUNTED.replace("/ 255", "/ 256"))
    done = mine(run, "counted:score", *short)
    assert done.returncode == 3
    assert "has the scores of another model" in done.stderr


def test_a_dataset_that_was_not_mined_has_no_scores(run: Run) -> None:
    assert run("generate", "-n", 3, "-s", 8, "-o", "made", "-q").returncode == 0
    done = run("select", "made", "-o", "other")
    assert done.returncode == 2
    assert "was not mined" in done.stderr


def test_force_replaces_a_mined_dataset(hard: Path, bright: str, run: Run) -> None:
    done = mine(run, bright, "-o", "hard", "--threshold", 0.6, "--keep", 10, "--force", "--json")
    assert result_of(done)["count"] == 10
    assert run("verify", "hard", "--deep").returncode == 0
    shutil.rmtree(hard / "images")
    refused = mine(run, bright, "-o", "hard", "--force")
    assert refused.returncode == 3


def test_python_code_mines_and_selects(
    bright: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = pixelgen.load_model(bright)
    job = pixelgen.Job(count=2000, size=16, family=["stripes", "gradient"])
    rules = pixelgen.SelectionRules(keep=10, threshold=0.55)
    manifest, choice = pixelgen.mine(job, model, "hard", rules)
    assert manifest is not None
    assert (manifest.count, choice.selected.mined) == (10, 5)
    chosen = pixelgen.select("hard", pixelgen.SelectionRules(keep=4, threshold=0.6))
    assert chosen.write("chosen").count == 4
    stopped = pixelgen.RunConfig(stopped=lambda: True)
    assert pixelgen.mine(job, model, "stopped", rules, run=stopped)[0] is None
    with pytest.raises(PixelgenError, match="none of 2,000 candidates"):
        pixelgen.mine(job, model, "none", pixelgen.SelectionRules(keep=10, threshold=1))
