"""Layouts of other projects."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.layouts.support import files, missing
from tests.support.command import Done, Run, tree_digest


def python_path(folder: Path) -> str:
    """Return a PYTHONPATH that adds a folder."""
    return os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))


KITTI = '''
from pixelgen.layouts.containers.files import Files


class Kitti(Files):
    """KITTI."""

    def folder(self, info, index):
        return "image_2"

    def folders(self, info):
        return iter(["image_2"])

    def index(self, manifest):
        for row in manifest.rows():
            yield f"label_2/{manifest.info.key(row['index'])}.txt", b""


class Taken(Kitti):
    name = "taken"
'''


@pytest.mark.slow
def test_a_layout_of_another_project_is_verified_and_repaired_like_any_other(
    make: Callable[..., Done], run: Run, tmp_path: Path
) -> None:
    (tmp_path / "strange.py").write_text(KITTI)
    here = {"PYTHONPATH": python_path(tmp_path)}
    for jobs in (1, 2):
        make("-n", 500, "-s", 90, "-j", jobs, "--layout", "strange.Kitti,csv", "-o", jobs, **here)
    assert tree_digest(tmp_path / "1") == tree_digest(tmp_path / "2")
    assert (tmp_path / "1/label_2/000499.txt").read_bytes() == b""
    plan = json.loads((tmp_path / "1/pixelgen.json").read_text())
    assert plan["job"]["layout"] == "strange.Kitti,csv"

    (tmp_path / "1/image_2/000007.png").unlink()
    (tmp_path / "1/label_2/000008.txt").unlink()
    assert run("repair", "1", **here).returncode == 3  # the user did not allow its code
    assert run("repair", "1", **here, PIXELGEN_PLUGINS="strange.Kitti").returncode == 0
    assert tree_digest(tmp_path / "1") == tree_digest(tmp_path / "2")


@pytest.mark.parametrize(
    ("path", "facts"),
    [("strange.Nothing", "'strange' 'Nothing'"),
     ("nowhere.Kitti", "'nowhere' install PYTHONPATH"),
     ("os.path", "os.path layout"),
     ("strange.Taken", "strange.Taken name"), (".Kitti", ".Kitti import"),
     ("pixelgen.layouts.containers.files.Files", "pixelgen.layouts.containers.files.Files name")],
)  # fmt: skip
def test_a_path_that_is_not_a_layout_of_another_project_is_refused_in_one_line(
    run: Run, tmp_path: Path, path: str, facts: str
) -> None:
    (tmp_path / "strange.py").write_text(KITTI)
    done = run("generate", "--layout", path, PYTHONPATH=python_path(tmp_path))

    assert done.returncode == 2
    assert missing(facts, done.stderr) == [], done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "name", ["../a.txt", "/a.txt", ".a", "a/../b", "a/.b/c", "", "a//b", "a\nb"]
)
def test_a_file_outside_the_dataset_is_refused_before_anything_is_written(
    run: Run, tmp_path: Path, name: str
) -> None:
    (tmp_path / "strange.py").write_text(
        "from pixelgen.layouts import Sidecar\nclass Astray(Sidecar):\n"
        f"    def index(self, manifest):\n        yield {name!r}, b''\n"
    )
    done = run("generate", "-n", 3, "--layout", "strange.Astray", PYTHONPATH=python_path(tmp_path))

    assert done.returncode == 2
    assert "strange.Astray" in done.stderr
    assert repr(name) in done.stderr
    assert files(tmp_path / "negatives") == set()
