"""What messages of --beside and merge say to do works."""

import json
from pathlib import Path

from tests.layouts.support import missing
from tests.support.advice import Console, follows_advice
from tests.support.user_datasets import COCO_NAMES, TWO, coco

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


@follows_advice("needs; in another directory, run: pixelgen generate --beside … -n …")
def test_sidecars_are_added_only_to_negatives_that_fit(console: Console) -> None:
    path = coco(Path("own"), TWO)
    console.run(f"generate {QUICK} -o neg")
    said = console.run(f"index neg --beside {path} --layout coco", 3)
    assert missing("classes first_id prefix own/annotations/instances_train.json", said) == []
    assert not Path("neg/coco.json").exists()
    command = console.advised()
    Path("other").mkdir()
    console.run(f"{command.removeprefix('pixelgen ')} -s 40 -q -j 1 -o other/neg")
    console.run(f"index other/neg --beside {path} --layout yolo")
    assert Path("other/neg/data.yaml").exists()


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
