"""``merge`` joins negatives that are complete: of each kind of dataset, before it writes."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pixelgen.cli import main
from tests.layouts.support import missing
from tests.support.advice import unfinish
from tests.support.user_datasets import BUILDERS, QUICK, TWO

KINDS = ("coco", "yolo", "imagefolder", "huggingface")


def out(kind: str) -> str:
    return {"coco": "-o joined.json", "yolo": "-o joined.yaml"}.get(kind, "")


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"x")])
@pytest.mark.parametrize("kind", KINDS)
def test_negatives_that_lack_an_image_are_refused(
    kind: str, spoil: Callable[[Path], object], own: Path, command: Callable[..., str]
) -> None:
    BUILDERS[kind](own, TWO)
    command(f"generate {QUICK} -n 3 --beside own -o neg")
    spoil(next(Path("neg").rglob("neg_000001.png")))
    said = command(f"merge neg --into own {out(kind)}", 3)
    assert missing("1 file neg_000001.png neg pixelgen repair", said) == []
    assert not Path("joined.json").exists()
    assert not Path("joined.yaml").exists()
    assert main(["repair", "neg", "-q", "-j", "1"]) == 0
    command(f"merge neg --into own -q {out(kind)}")


def test_negatives_without_their_labels_are_refused(own: Path, command: Callable[..., str]) -> None:
    BUILDERS["yolo"](own, TWO)
    command(f"generate {QUICK} -n 3 --beside own -o neg")
    Path("neg/labels/neg_000002.txt").unlink()
    assert "neg_000002.txt" in command("merge neg --into own -o joined.yaml", 3)


def test_negatives_that_are_not_finished_are_refused(
    own: Path, command: Callable[..., str]
) -> None:
    BUILDERS["coco"](own, TWO)
    command(f"generate {QUICK} -n 3 --beside own -o neg")
    unfinish("neg")
    assert missing("neg finished repair", command("merge neg --into own -o a.json", 1)) == []
    assert not Path("a.json").exists()


@pytest.mark.parametrize("kind", ["coco", "yolo"])
def test_negatives_may_be_links_as_dvc_makes_them(
    kind: str, own: Path, command: Callable[..., str]
) -> None:
    BUILDERS[kind](own, TWO)
    command(f"generate {QUICK} -n 3 --beside own -o neg")
    Path("cache").mkdir()
    for number, path in enumerate(sorted(Path("neg").rglob("*.*"))):
        path.rename(f"cache/{number}")
        path.symlink_to(os.path.relpath(f"cache/{number}", path.parent))
    command(f"merge neg --into own {out(kind)}")
    Path("neg/images/neg_000001.png").resolve().unlink()
    assert "missing" in command(f"merge neg --into own {out(kind)}", 3)


@pytest.mark.parametrize(
    ("kind", "images", "listed"), [("coco", "--images own/train", 3), ("yolo", "", 5)]
)
def test_negatives_that_are_joined_already_are_said_to_be(
    kind: str, images: str, listed: int, own: Path, command: Callable[..., str]
) -> None:
    end = BUILDERS[kind](own, TWO).suffix
    command(f"generate {QUICK} -n 3 --beside own -o neg")
    command(f"merge neg --into own {out(kind)}")
    assert main(f"generate {QUICK} -n 5 --beside own -o neg".split()) == 0  # grows
    command("verify neg -q")
    said = command(f"merge neg --into joined{end} {images} -o again{end}", 3)
    facts = f"joined{end} neg already neg_000000 neg_000002 --into --seed 1 neg-more"
    assert missing(facts, said) == []
    assert ("(5 in all)" in said) == (listed == 5)  # a data.yaml names the folder
    assert not Path(f"again{end}").exists()
    assert "5 negatives" in command(f"merge neg --into own -o again{end}")


@pytest.mark.parametrize("kind", ["coco", "yolo"])
def test_names_that_only_look_like_those_of_negatives_need_a_prefix(
    kind: str, own: Path, command: Callable[..., str]
) -> None:
    path = BUILDERS[kind](own, TWO)
    Path("names.txt").write_text("\n".join(TWO))
    command(f"generate {QUICK} -n 3 --classes names.txt --layout coco,yolo -o neg")
    said = command(f"merge neg --into {path} {out(kind)}", 3)
    assert missing("000000 prefix neg-joined", said) == []
    assert "--seed" not in said


@pytest.mark.parametrize("kind", ["coco", "yolo"])
def test_a_file_may_be_anywhere_and_replaces_nothing(
    kind: str, own: Path, command: Callable[..., str]
) -> None:
    path = BUILDERS[kind](own, TWO)
    end = path.suffix
    command(f"generate {QUICK} -n 3 --beside {path} -o neg")
    folder = next(own.rglob("000000.png")).parent
    for place in (folder, path.parent, Path("neg"), Path("new")):
        command(f"merge neg --into {path} -o {place}/joined{end}")
    command("verify neg -q")

    Path(f"link{end}").symlink_to(path)
    Path(f"dangling{end}").symlink_to("nowhere")
    Path(f"folder{end}").mkdir()
    os.mkfifo(f"pipe{end}")
    for name in ("link", "dangling", "folder", "pipe", path.with_suffix("")):
        assert "exists" in command(f"merge neg --into {path} -o {name}{end}", 3)
    for name in (".", "/", "..", "joined", f"joined{end}.txt"):
        assert f"write -o {'joined' if name in './' else ''}" in command(
            f"merge neg --into {path} -o {name}", 2
        )
    assert main(["merge", "neg", "--into", str(path), "-o", ""]) == 2
