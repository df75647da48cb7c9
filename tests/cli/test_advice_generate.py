"""The advice of messages of ``pixelgen generate`` works: see ``test_advice``."""

import shutil
from pathlib import Path

import pytest

from tests.support.advice import DATASET, Console, follows_advice, photos, unfinish
from tests.support.command import tree_digest


@pytest.mark.cli
@follows_advice("--blob writes to standard output and cannot be combined with --out")
def test_blob_without_out_is_written_to_stdout(console: Console) -> None:
    console.run("generate --blob -n 1 -s 8 -o set", 2)
    console.process("generate --blob -n 1 -s 8 > image.png")
    assert Path("image.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.cli
@follows_advice("… needs a directory and cannot be combined with standard output (-o -)")
@pytest.mark.parametrize(
    "option", ["--dry-run", "--json", "--force", "--partition 1/2", "--summary s.md"]
)
def test_stdout_output_excludes_options_of_a_directory(option: str, console: Console) -> None:
    assert option.split(maxsplit=1)[0] in console.run(f"generate -n 1 -s 8 -o - {option}", 2)
    console.process("generate -n 1 -s 8 -o - > image.png")


@follows_advice("--size cannot be combined with --width or --height; give either")
def test_size_or_width_and_height_give_the_same_dataset(console: Console) -> None:
    console.run(f"{DATASET} --width 9 --height 8", 2)
    console.run("generate -n 1 -q --width 9 --height 8 -o one")
    console.run("generate -n 1 -q -s 9x8 -o two")
    assert tree_digest(Path("one")) == tree_digest(Path("two"))


@follows_advice(", or --force to replace that dataset")
@pytest.mark.parametrize("layout", ["files", "webdataset", "imagefolder"])
def test_force_replaces_a_finished_dataset_of_any_layout(layout: str, console: Console) -> None:
    console.run(f"{DATASET} --layout {layout}")
    other = f"{DATASET} --layout mds"
    console.run(other, 3)
    console.run(f"{other} --force")
    console.verified()


@follows_advice("reads them, too; to keep them apart, give --out a new directory")
def test_files_of_the_user_in_the_directory_are_noted_once(console: Console) -> None:
    photos(8, 9)
    command = "generate -n 3 -s 8 -j 1"
    assert console.run(f"{command} -o photos").count("0.png, 1.png") == 1
    assert "note: " not in console.run(f"{command} -o photos")  # it is complete
    Path("photos/metadata.jsonl").rename("photos/.pixelgen.journal")
    assert "note: " not in console.run(f"{command} -o photos")  # it is resumed
    assert "note: " not in console.run(f"{command} -o apart")


@pytest.mark.parametrize("split", ["", "--split train=0.5,val=0.5"])
def test_a_class_folder_beside_others_is_not_noted(split: str, console: Console) -> None:
    command = f"generate -n 4 -s 8 -j 1 --layout imagefolder --class none {split}"
    top = "classes/train" if split else "classes"
    Path(f"{top}/cat").mkdir(parents=True)
    photos(8).joinpath("0.png").rename(f"{top}/cat/0.png")
    assert "note: " not in console.run(f"{command} -o classes")
    Path(f"other/{top}/none").mkdir(parents=True)
    Path(f"{top}/cat/0.png").rename(f"other/{top}/none/cat.png")
    assert "none already holds" in console.run(f"{command} -o other/classes")
    assert Path(f"other/{top}/none/cat.png").exists()


def test_files_of_the_user_are_not_noted_with_quiet(console: Console) -> None:
    photos(8)
    assert "note: " not in console.run("generate -n 3 -s 8 -j 1 -q -o photos")


@follows_advice("others; finish it with the command that began it, or remove the directory")
def test_force_replaces_an_unfinished_dataset_once_it_is_finished(console: Console) -> None:
    for way in (lambda: console.run(DATASET), lambda: shutil.rmtree("set")):
        console.run(DATASET)
        unfinish()
        console.run(f"{DATASET} --seed 1 --force", 3)
        way()
        console.run(f"{DATASET} --seed 1 --force")
        console.verified()
        shutil.rmtree("set")


@follows_advice("--skip-damaged needs a family that is made from your images (source=…)")
def test_skip_damaged_needs_a_family_with_sources(console: Console) -> None:
    console.run(f"{DATASET} --skip-damaged", 2)
    console.run(DATASET)


@follows_advice("remove them, or skip them with --skip-damaged")
@pytest.mark.parametrize("command", ["generate -n 3 -j 1 -q -o set", "preview -n 3 -o sheet.png"])
def test_damaged_sources_are_removed_or_skipped(command: str, console: Console) -> None:
    damaged = photos(20) / "damaged.png"
    damaged.write_text("no image")
    asked = f"{command} -s 8 --family pixel_shuffle:source=photos"
    console.run(asked, 2)
    assert "damaged.png" in console.run(f"{asked} --skip-damaged") or "-q" in command
    shutil.rmtree("set", ignore_errors=True)
    damaged.unlink()
    console.run(asked)


@follows_advice("pixels away from objects; choose a smaller --size, margin or min_scale")
@pytest.mark.parametrize(
    ("before", "after"),
    [("-s 12", "-s 7"), ("-s 7 {},margin=2", "-s 7 {}"), ("-s 7 {},min_scale=2", "-s 7 {}")],
)
def test_crops_without_room_get_it(before: str, after: str, console: Console) -> None:
    photos(20)
    names = [path.name for path in Path("photos").iterdir()]
    rows = "".join(f"{name},8,8,4,4\n" for name in names)
    Path("boxes.csv").write_text(f"file,x,y,w,h\n{rows}")
    family = "--family crop:source=photos,labels=boxes.csv"
    for options, code in ((before, 2), (after, 0)):
        given = options.format(family) if "{}" in options else f"{options} {family}"
        console.run(f"generate -n 3 -j 1 -q {given} -o set", code)


@follows_advice("remove them, or choose a smaller --size")
@pytest.mark.parametrize("command", ["generate -n 3 -j 1 -q -o set", "preview -n 3 -o sheet.png"])
def test_small_sources_are_removed_or_the_size_is_reduced(command: str, console: Console) -> None:
    folder = photos(20, 40)
    asked = f"{command} --family pixel_shuffle:source=photos --size"
    console.run(f"{asked} 30", 2)
    console.run(f"{asked} 20")
    shutil.rmtree("set", ignore_errors=True)
    (folder / "0.png").unlink()
    console.run(f"{asked} 30")


@follows_advice("layout … lists checksums and cannot be combined with --checksum none")
def test_a_layout_that_lists_checksums_needs_them(console: Console) -> None:
    console.run(f"{DATASET} --layout bagit --checksum none", 2)
    console.run(f"{DATASET} --layout bagit")


@pytest.mark.parametrize("option", ["family", "format", "layout", "engine"])
def test_an_unknown_name_is_answered_with_valid_ones(option: str, console: Console) -> None:
    console.run(f"{DATASET} --{option} nix", 2)
    choices = console.last.partition("choose one of ")[2].strip().split(", ")
    assert len(choices) > 2
    console.run(f"{DATASET} --{option} {choices[1]}")


@pytest.mark.cli
@follows_advice("use smaller images or, if the command has that option, fewer --jobs")
def test_smaller_images_need_less_memory(console: Console) -> None:
    limit = "ulimit -v 400000"
    console.process("generate -n 1 -s 8000 -q -o set", 1, limit=limit)
    console.process("generate -n 1 -s 80 -q -o other", limit=limit)


@pytest.mark.cli
@follows_advice("or use a directory on another file system", "allow larger files (ulimit -f)")
def test_a_run_succeeds_once_the_limit_of_file_size_is_raised(console: Console) -> None:
    command = "generate -n 2 -q -o set"
    console.process(command, 1, limit="ulimit -f 40")
    console.process(command)
    console.verified()


@pytest.mark.cli
@follows_advice("allow this user more open files (ulimit -n), then run the same command again")
def test_a_run_succeeds_once_the_limit_of_open_files_is_raised(console: Console) -> None:
    command = "generate -n 2 -s 8 -q -o set"
    console.process(command, 1, limit="ulimit -n 8")
    console.process(command)
    console.verified()


@follows_advice("--class is given … times; a dataset has one class: give one")
def test_a_dataset_has_one_class(console: Console) -> None:
    command = f"{DATASET} --layout imagefolder --class noise"
    assert "2 times" in console.run(f"{command} --class other", 2)
    console.run(command)
    assert len(list(Path("set/noise").iterdir())) == 6


@pytest.mark.cli
@follows_advice("layout … cannot be combined with standard output; use layout webdataset, or --out")
def test_a_layout_that_is_no_stream_is_written_to_a_directory(console: Console) -> None:
    command = "generate -n 6 -s 8 --layout"
    assert "layout mds" in console.run(f"{command} mds -o -", 2)
    console.process(f"{command} webdataset -o - | tar t")
    assert "000005.png" in console.last
    console.run(f"{command} mds -q -o set")
    console.verified()


@follows_advice(
    "an image is made in memory and must have at most … bytes, not …; choose a smaller --size"
)
def test_an_image_that_is_too_large_for_memory_has_a_smaller_size(console: Console) -> None:
    assert "2,147,483,647 bytes" in console.run("generate -n 1 -s 30000 --dry-run", 2)
    console.run("generate -n 1 -s 8 -q -o set")
    console.verified()


@follows_advice(
    "in your Exp, self.num_classes is the number of your classes; give them by --classes",
    "RF-DETR also needs valid/: give --split train=0.9,valid=0.1, or move the images and the"
    " entries of their _annotations.coco.json into your own train/",
)
def test_the_notes_of_trainers_name_options_that_they_need(console: Console) -> None:
    make = "generate -n 20 -s 64 -j 1"
    console.run(f"{make} --for yolox -o yolox")
    console.run(f"{make} --for yolox --classes bird,plane -o both")
    assert '"plane"' in Path("both/annotations/instances_default.json").read_text()
    console.run(f"{make} --for rfdetr -o whole")
    assert not Path("whole/valid").exists()
    console.run(f"{make} --for rfdetr --split train=0.9,valid=0.1 -o split")
    assert Path("split/valid/_annotations.coco.json").is_file()


@follows_advice(
    "… trains on a split named …, which … lacks; give --split …=0.9,valid=0.1",
)
def test_splits_of_which_a_trainer_reads_none_are_answered_with_others(console: Console) -> None:
    make = "generate -n 20 -s 64 -j 1 --for rfdetr -o splits"
    answer = console.run(f"{make} --split ours=0.5,theirs=0.5", 2)
    console.run(f"{make} {answer[answer.index('--split') :]}")
    assert Path("splits/train/_annotations.coco.json").is_file()
