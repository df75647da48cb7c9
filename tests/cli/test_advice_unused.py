"""Advice about options that have no effect: they are refused, or noted."""

from pathlib import Path

from tests.support.advice import Console, follows_advice
from tests.support.user_datasets import imagefolder

SMALL = "generate -n 4 -s 32 -j 1"


@follows_advice(
    "note: --label has no effect: layout … has no class numbers, as webdataset and tfrecord have",
    "note: --first-id has no effect: layout … has no ids; to have them, write --layout coco",
    "note: --partition has no effect on --dry-run, which shows all partitions together",
    "note: --summary has no effect on --dry-run, which writes nothing",
)
def test_an_option_without_effect_is_noted(console: Console) -> None:
    for unused, used in (
        ("--label 3", "--label 3 --layout webdataset"),
        ("--label 3 --layout imagefolder", "--label 3 --layout tfrecord"),
        ("--first-id 7", "--first-id 7 --layout coco"),
        ("--first-id 7 --layout webdataset", "--first-id 7 --layout roboflow"),
        ("--first-id 7 --layout yolo", "--first-id 7 --layout yolo,coco"),
        ("--partition 1/2 --dry-run", "--partition 1/2"),
        ("--summary s.md --dry-run", "--summary s.md"),
    ):
        option = unused.split()[0]
        noted = console.run(f"{SMALL} {unused} -o noted{option}{len(unused)}")
        assert noted.count(f"note: {option} has no effect") == 1
        assert "no effect" not in console.run(f"{SMALL} {unused} -q -o noted{option}{len(unused)}")
        assert "no effect" not in console.run(f"{SMALL} {used} -o used{option}{len(used)}")


@follows_advice(
    "--… needs a COCO file or a data.yaml; for the folder … code is printed: remove --…",
    "--layout … names no sidecar to add; write one, such as --layout csv",
    "--family all shows one image of each family; remove --…",
    "--key cannot be combined with --key-file; give either",
)
def test_an_option_without_effect_is_refused_in_a_line(console: Console) -> None:
    imagefolder(Path("own"), ("cat", "dog"))
    console.run(f"{SMALL} --beside own -o set -q")
    Path("key").write_text("k")
    Path("key").chmod(0o600)
    remote = "generate -n 1 -s 8 --remote --remote-url http://127.0.0.1:9 --remote-timeout 0.2 -o r"
    for command, words, right in (
        ("merge set --into own --share 0.1", "--share data.yaml own", "merge set --into own"),
        ("merge set --into own --images own", "--images data.yaml own", "merge set --into own"),
        ("merge set --into own --split train", "--split data.yaml own", "merge set --into own"),
        ("index set --layout imagefolder", "--layout imagefolder csv", "index set --layout csv"),
        ("preview --family all -n 20", "--family all --count", "preview --family all"),
        ("preview --family all --limit uniform=5", "--family all --limit", "preview --family all"),
        ("preview --skip-damaged", "--skip-damaged source=", "preview"),
        ("preview --family all --skip-damaged", "--skip-damaged source=", "preview --family all"),
        (f"{SMALL} --engine dask -o -", "--engine standard output", f"{SMALL} -o -"),
        (f"{remote} --key k --key-file key", "--key --key-file either", ""),
    ):
        said = console.run(command, 2)
        assert len(said.splitlines()) == 1
        assert [word for word in words.split() if word not in said] == []
        if right:
            console.run(right)
