"""What is written opens in other people's tools, unconverted."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pixelgen.job import Job
from tests.conftest import Done

KEYS = [
    "file_name", "index", "width", "height", "mode", "depth", "format", "bytes", "sha256",
    "generator", "seed",
]  # fmt: skip


@pytest.fixture
def finished(make: Callable[..., Done], tmp_path: Path) -> Path:
    make("-n", 20, "-s", "64x48", "--seed", 2**127 + 1)
    return tmp_path / "negatives"


def test_a_row_has_the_keys_of_the_schema_in_their_order(finished: Path) -> None:
    rows = [json.loads(line) for line in (finished / "metadata.jsonl").read_text().splitlines()]

    assert len(rows) == 20
    assert all(list(row) == KEYS for row in rows)
    assert [row["index"] for row in rows] == list(range(20))
    assert rows[3] | {"sha256": ""} == {
        "file_name": "images/000003.png",
        "index": 3,
        "width": 64,
        "height": 48,
        "mode": "RGB",
        "depth": 8,
        "format": "PNG",
        "bytes": 9332,
        "sha256": "",
        "generator": "uniform",
        "seed": "0x80000000000000000000000000000001",
    }


def test_a_colour_and_its_density_stand_in_every_row_or_in_none(
    make: Callable[..., Done], tmp_path: Path
) -> None:
    make("-n", 3, "-s", 8, "--color", "RED")
    make("-n", 3, "-s", 8, "--checksum", "none", "-o", "plain")
    for line in (tmp_path / "negatives/metadata.jsonl").read_text().splitlines():
        assert list(json.loads(line)) == [*KEYS, "color", "density"]
        assert (json.loads(line)["color"], json.loads(line)["density"]) == ("#ff0000", 0.5)
    for line in (tmp_path / "plain/metadata.jsonl").read_text().splitlines():
        assert list(json.loads(line)) == [key for key in KEYS if key != "sha256"]
    assert not (tmp_path / "plain/SHA256SUMS").exists()


def test_the_plan_tells_nothing_of_clock_host_or_path(finished: Path) -> None:
    plan = json.loads((finished / "pixelgen.json").read_text())

    assert list(plan) == [
        "schema",
        "pixelgen",
        "numpy",
        "encoder",
        "algorithm",
        "sources",
        "digest",
        "job",
        "crc32",
    ]
    assert os.uname().nodename not in json.dumps(plan["job"])
    assert Job.parse(**plan["job"]).digest == plan["digest"]


def test_pandas_reads_the_manifest_without_bending_a_value(finished: Path) -> None:
    frame = pd.read_json(finished / "metadata.jsonl", lines=True)

    assert list(frame.columns) == KEYS
    assert frame["index"].tolist() == list(range(20))
    assert set(frame["seed"]) == {"0x80000000000000000000000000000001"}
    assert frame["sha256"].str.fullmatch("[0-9a-f]{64}").all()


def test_sha256sum_checks_the_set(finished: Path) -> None:
    done = subprocess.run(
        ["sha256sum", "--strict", "-c", "SHA256SUMS"],
        check=True, cwd=finished, capture_output=True, text=True,
    )  # fmt: skip
    listed = {line.partition(":")[0] for line in done.stdout.splitlines()}
    there = {str(p.relative_to(finished)) for p in finished.rglob("*") if p.is_file()}

    assert listed == there - {"SHA256SUMS"}


def test_jq_makes_the_sums_from_the_manifest(finished: Path) -> None:
    if not shutil.which("jq"):
        pytest.skip("jq is not installed")
    program = r'"\(.sha256)  \(.file_name)"'
    lines = subprocess.run(
        ["jq", "-r", program, "metadata.jsonl"], check=True, cwd=finished, capture_output=True
    ).stdout

    assert lines in (finished / "SHA256SUMS").read_bytes()


def test_hugging_face_datasets_loads_images_and_columns(finished: Path, tmp_path: Path) -> None:
    code = """
import json, sys, datasets, numpy
found = datasets.load_dataset("imagefolder", data_dir=sys.argv[1], split="train")
facts = [found.num_rows, sorted(found.features), found[7]["index"], found[7]["seed"],
         numpy.asarray(found[7]["image"]).tolist()]
print(json.dumps(facts))
"""
    offline = {"HF_HOME": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(finished)],
        check=False, capture_output=True, text=True, env=os.environ | offline,
    )  # fmt: skip
    if "No module named 'datasets'" in done.stderr:
        pytest.skip("datasets is not installed")
    assert done.returncode == 0, done.stderr
    rows, columns, index, seed, pixels = json.loads(done.stdout)

    assert rows == 20
    assert columns == sorted(["image", *(key for key in KEYS if key != "file_name")])
    assert (index, seed) == (7, "0x80000000000000000000000000000001")
    job = Job(count=20, width=64, height=48, seed=2**127 + 1)
    assert (np.array(pixels) == job.render(7)).all()


def test_a_tar_shard_opens_with_tarfile_and_tar(make: Callable[..., Done], tmp_path: Path) -> None:
    make("-n", 25, "-s", 16, "--layout", "tar:per_shard=10")
    shards = sorted((tmp_path / "negatives").glob("*.tar"))
    members = []
    for shard in shards:
        with tarfile.open(shard) as tar:
            for member in tar:
                assert (member.mtime, member.uid, member.gid, member.mode) == (0, 0, 0, 0o644)
                members.append(member.name)
    listed = subprocess.run(["tar", "tf", shards[2]], check=True, capture_output=True, text=True)
    rows = [json.loads(row) for row in (tmp_path / "negatives/metadata.jsonl").read_text().split()]

    assert [shard.name for shard in shards] == [f"negatives-00000{n}.tar" for n in range(3)]
    assert members == [f"0000{n:02d}.png" for n in range(25)]
    assert listed.stdout.split() == members[20:]
    assert [(row["file_name"], row["shard"]) for row in rows[9:11]] == [
        ("000009.png", "negatives-000000.tar"),
        ("000010.png", "negatives-000001.tar"),
    ]


def test_a_job_is_a_map_style_data_set() -> None:
    job = Job(count=5, width=4, height=3)

    assert len(job) == 5
    assert [image.shape for image in job] == [(3, 4, 3)] * 5
    with pytest.raises(IndexError):
        job[5]


@pytest.mark.heavy
def test_a_pytorch_data_loader_takes_a_job() -> None:
    data = pytest.importorskip("torch.utils.data", reason="torch is not installed")
    job = Job(count=10, width=8, height=8)
    for workers in (0, 2):
        batches = list(data.DataLoader(job, batch_size=4, num_workers=workers))
        assert [tuple(batch.shape) for batch in batches] == [
            (4, 8, 8, 3),
            (4, 8, 8, 3),
            (2, 8, 8, 3),
        ]
        assert (batches[1][2].numpy() == job.render(6)).all()
