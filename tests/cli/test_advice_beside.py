"""What messages of --beside and merge say to do works."""

import json
from pathlib import Path

import pixelgen
from tests.layouts.support import missing
from tests.support.advice import Console, follows_advice, refused
from tests.support.user_datasets import COCO_NAMES, TWO, coco, imagefolder, yolo

QUICK = "-n 4 -s 40 -j 1 -q"


@follows_advice("this finishes the dataset as it was begun: pixelgen generate --recipe …")
def test_a_dataset_that_has_changed_since_is_another_job(console: Console) -> None:
    for folder in ("a", "b"):
        path = coco(Path(folder), COCO_NAMES)
        command = f"generate {QUICK} --beside {path} -o {folder}/neg"
        console.run(command)
        content = json.loads(path.read_text())
        if folder == "a":
            content["images"].append({"id": 70, "file_name": "x.png"})
        else:
            content["categories"][7]["name"] = "lorry"
        path.write_text(json.dumps(content))
        said = console.run(command, 3)
        assert ("first_id is 9, not 71" in said) == (folder == "a")
        assert ("classes[7] is 'truck', not 'lorry'" in said) == (folder == "b")
        assert len(said.splitlines()) == 1
        Path(folder, "neg/images/neg_000001.png").unlink()
        console.run(f"repair {folder}/neg -q -j 1")
        console.run(said.partition("begun: pixelgen ")[2])
        console.verified(f"{folder}/neg")


@follows_advice("needs; for negatives that fit, run: …", " --layout …")
def test_sidecars_are_added_only_to_negatives_that_fit(console: Console) -> None:
    path = coco(Path("own"), TWO)
    console.run(f"generate {QUICK} -o neg")
    said = console.run(f"index neg --beside {path} --layout coco", 3)
    assert missing("classes first_id prefix own/annotations/instances_train.json", said) == []
    assert not Path("neg/coco.json").exists()
    console.follow()
    console.run(f"index neg-joined --beside {path} --layout yolo")
    assert Path("neg-joined/data.yaml").exists()


@follows_advice("--share needs the dataset that it is a share of: give --beside PATH",
                "--share cannot be combined with --count; give either")  # fmt: skip
def test_a_share_needs_a_dataset_and_no_count(console: Console) -> None:
    path = coco(Path("own"), TWO)
    console.run("generate -s 40 -j 1 -q --share 0.5 -o neg", 2)
    console.run(f"generate {QUICK} --share 0.5 --beside {path} -o neg", 2)
    console.run(f"generate -s 40 -j 1 -q --share 0.5 --beside {path} -o neg")


@follows_advice(", or name that class: --class …")
def test_a_class_number_of_the_user_s_needs_its_name(console: Console) -> None:
    console.run(f"generate {QUICK} --classes cat,dog --label 1", 2)
    option = console.last.partition("name that class: ")[2].strip()
    console.run(f"generate {QUICK} --classes cat,dog --label 1 {option}")
    console.run(f"generate {QUICK} --classes cat,dog --label 2 -o other")


@follows_advice(
    "does not name its classes; give them in place of --beside, such as --classes cat,dog",
    "give those that you train with by --classes, in place of --beside",
)
def test_classes_that_a_dataset_does_not_name_are_given(console: Console) -> None:
    Path("own").mkdir()
    Path("own/metadata.jsonl").write_text('{"file_name":"a.png","label":1}')
    console.run(f"generate {QUICK} --beside own -o neg", 2)
    option = console.last.partition("such as ")[2].strip()
    console.run(f"generate {QUICK} {option} -o neg")
    label = {"_type": "ClassLabel", "names": ["cat", "dog"]}
    Path("own/dataset_info.json").write_text(json.dumps({"a": label, "b": label}))
    console.run(f"generate {QUICK} --beside own -o neg", 2)


@follows_advice(
    "one class per line; if it is a COCO file, give --beside …",
    "are a folder; if it is that of your dataset, give --beside …",
)
def test_classes_of_a_dataset_are_read_by_beside(console: Console) -> None:
    path = coco(Path("own"), TWO)
    for number, given in enumerate((str(path), "own/")):
        console.run(f"generate {QUICK} --classes {given} -o neg{number}", 2)
        option = console.last.partition("give ")[2].strip()
        console.run(f"generate {QUICK} {option} -o neg{number}")


@follows_advice(
    "… has the classes …, and … has …; for negatives that fit, run: …",
    "ids …: --first-id must be … or more",
    "names …: they need another --prefix",
    "pixelgen generate --recipe … --beside ………… -o …",
)
def test_negatives_that_collide_are_made_again_to_fit(console: Console) -> None:
    for build in (coco, yolo):
        path = build(Path(build.__name__), TWO)
        console.run(f"generate {QUICK} --layout coco,yolo -o {build.__name__}-neg")
        out = f"joined{path.suffix}"
        console.run(f"merge {build.__name__}-neg --into {path} -o {out}", 3)
        console.follow()
        console.run(f"merge {build.__name__}-neg-joined --into {path} -o {out}")
        Path("names.txt").write_text("\n".join(TWO))
        console.run(f"generate {QUICK} --layout coco,yolo --classes names.txt -o {path.stem}-neg")
        console.run(f"merge {path.stem}-neg --into {path} -o again{path.suffix}", 3)
        console.follow()
        console.run(f"merge {path.stem}-neg-joined --into {path} -o again{path.suffix}")


@follows_advice(
    "to join all of …, give your dataset without them to --into; for other images, run: …",
    " --seed …",
)
def test_negatives_that_are_joined_already_are_made_of_another_seed(console: Console) -> None:
    for build, images in ((coco, "--images coco/train"), (yolo, "")):
        path, neg = build(Path(build.__name__), TWO), f"{build.__name__}-neg"
        out, twice = f"joined{path.suffix}", f"twice{path.suffix}"
        console.run(f"generate {QUICK} --beside {path} -o {neg}")
        console.run(f"merge {neg} --into {path} -o {out}")
        console.run(f"merge {neg} --into {out} {images} -o {twice}", 3)
        console.follow()
        console.run(f"merge {neg}-more --into {out} {images} -o {twice}")
        console.run(f"merge {neg} --into {path} -o again{path.suffix}")
        pixels = [
            [each.tobytes() for each in pixelgen.load(name).images] for name in (neg, f"{neg}-more")
        ]
        assert not set(pixels[0]) & set(pixels[1])


@follows_advice(
    "has no labels for YOLO; first run: pixelgen index … --layout yolo",
    "… is for COCO files, and a data.yaml names its own; remove it",
    "; give one: --split …",
    "no splits; remove --split",
    "; give theirs with --images FOLDER",
    "--images … is not a folder; give the folder of the images",
    "--images … has … of the … images of …, and not …; give the folder of the images",
)
def test_merge_says_what_it_needs(console: Console) -> None:
    path = yolo(Path("own"), TWO)
    console.run(f"generate {QUICK} --layout files --beside {path} -o neg")
    console.run(f"merge neg --into {path} -o joined.yaml", 2)
    console.follow()
    console.run(f"merge neg --into {path} -o joined.yaml --split train", 2)
    console.run(f"merge neg --into {path} -o joined.yaml")
    path = coco(Path("two"), TWO)
    console.run(f"generate {QUICK} --beside {path} -o plain")
    console.run(f"merge plain --into {path} -o joined.json --split train", 2)
    console.run(f"generate {QUICK} --split a=0.5,b=0.5 --beside {path} -o splits")
    console.run(f"merge splits --into {path} -o joined.json", 2)
    console.run(f"merge splits --into {path} -o joined.json --{console.last.split('--')[-1]}")
    Path("two/train").rename("photos")
    console.run(f"merge plain --into {path} -o third.json", 2)
    console.run(f"merge plain --into {path} -o third.json --images two/train", 2)
    console.run(f"merge plain --into {path} -o third.json --images two", 2)
    console.run(f"merge plain --into {path} -o third.json --images photos")


@follows_advice(
    "in another directory, run: pixelgen generate --recipe … --layout …",
    "mix it at run time, as this prints: pixelgen merge … --into …",
)
def test_what_has_no_file_to_join_is_mixed_at_run_time(console: Console) -> None:
    own = imagefolder(Path("own"), TWO)
    console.run(f"generate {QUICK} --layout files --beside {own} -o neg")
    console.run(f"merge neg --into {own}", 2)
    console.run(f"{console.advised().removeprefix('pixelgen ')} -q -j 1 -o folders")
    refused(console, lambda: pixelgen.merge("folders", own, "x.json"))
    console.run(console.last.partition("prints: pixelgen ")[2])
    assert "ConcatDataset" in console.last
