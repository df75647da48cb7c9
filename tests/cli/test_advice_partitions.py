"""The advice of messages about partitions works: see ``test_advice``."""

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.advice import DATASET, SHARDS, Console, follows_advice, remote, spoil, unfinish

if TYPE_CHECKING:
    from tests.support.pixlab_endpoint import Endpoint


NOT_SLURM = ("ID", "MIN", "MAX", "COUNT")


@follows_advice(
    "--seed random cannot be combined with --partition: all runs of a dataset need the same seed;"
    " give a number"
)
def test_partitions_of_one_seed_become_one_dataset(console: Console) -> None:
    console.run(f"{SHARDS} --partition 1/2 --seed random", 2)
    for number in (1, 2):
        console.run(f"{SHARDS} --partition {number}/2 --seed 7")
    console.run("finish set -q")
    console.verified()


@follows_advice("…, run: pixelgen finish …")
@pytest.mark.parametrize("place", ["set", "it's my set", "-set"])
@pytest.mark.parametrize("total", [1, 2])
def test_partitions_print_the_finish_command(total: int, place: str, console: Console) -> None:
    for number in range(1, total + 1):
        console.run(
            f"generate -n 4 -s 8 -j 1 --out={shlex.quote(place)} --partition {number}/{total}"
        )
    console.follow()
    console.verified(f"./{place}")


@follows_advice("; for more, give every partition --layout … and a new directory")
def test_a_partition_without_shards_says_so_and_what_gives_more(console: Console) -> None:
    command = "generate -n 6 -s 8 -j 1"
    said = console.run(f"{command} --partition 2/3 -o files")
    assert "partition 2/3: it has no shard, since the dataset has only 1 of up to" in said
    assert "empty" not in said
    assert "--layout" not in said  # directories have shards of one size
    console.run(f"{command} --layout webdataset:per_shard=6,wids --partition 2/3 -o set")
    (layout,) = re.findall("--layout (.+) and", console.last)
    for number in (1, 2, 3):
        console.run(f"{command} --layout {layout} --partition {number}/3 -o new")
        assert "2 images, " in console.last
    console.run("finish new -q")
    console.verified("new")


def test_a_partition_of_an_empty_dataset_is_empty(console: Console) -> None:
    said = console.run("generate -n 0 -s 8 --partition 2/3 -o set")
    assert "partition 2/3: 0 images: the dataset is empty" in said


@follows_advice("… cannot be combined with --partition")
def test_force_and_remote_work_without_partition(console: Console, endpoint: "Endpoint") -> None:
    console.run(DATASET)
    assert "--force" in console.run(f"{DATASET} --force --seed 1 --partition 1/2", 2)
    console.run(f"{DATASET} --force --seed 1")
    assert "--remote" in console.run(remote(endpoint, "-o fetched --partition 1/2"), 2)
    console.run(remote(endpoint, "-o fetched"))
    console.verified("fetched")


@follows_advice("submit it with sbatch --array=1-64, or give the partition as I/N")
def test_a_task_of_a_job_array_or_a_number_is_a_partition(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NOT_SLURM:
        monkeypatch.delenv(f"SLURM_ARRAY_TASK_{name}", raising=False)
    console.run(f"{SHARDS} --partition slurm", 2)
    console.run(f"{SHARDS} --partition 2/2")
    for name, value in zip(NOT_SLURM, ("1", "1", "2", "2"), strict=True):
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", value)
    console.run(f"{SHARDS} --partition slurm")
    console.run("finish set -q")
    console.verified()


@pytest.mark.cli
@follows_advice('number the tasks from 1 and give --partition "$…ID/N"')
def test_tasks_of_an_array_with_gaps_give_their_number(console: Console) -> None:
    array = dict(zip(NOT_SLURM, ("3", "1", "3", "2"), strict=True))
    environment = {f"SLURM_ARRAY_TASK_{name}": value for name, value in array.items()}
    said = console.process(f"{SHARDS} --partition slurm", 2, environment)
    (option,) = re.findall('(--partition "[^"]+")', said)
    for number in ("1", "2", "3"):
        task = environment | {"SLURM_ARRAY_TASK_ID": number}
        console.process(f"{SHARDS} {option.replace('/N', '/3')}", 0, task)
    console.run("finish set -q")
    console.verified()


@follows_advice("the number of partitions of … is not recorded there; give --of N")
def test_status_takes_the_number_of_partitions(console: Console) -> None:
    console.run(f"{SHARDS} --partition 1/2")
    console.run(f"{SHARDS} --partition 1/3")
    console.run("status set --missing", 2)
    assert console.run("status set --missing --of 2") == "2\n"


@follows_advice("run again: --partition I/… for I = …")
def test_status_names_the_partitions_to_be_run_again(console: Console) -> None:
    console.run(f"{SHARDS} --partition 2/3")
    console.run("status set")
    found = re.findall(r"--partition I/(\d) for I = (\d),(\d)", console.last)
    assert found == [("3", "1", "3")]
    for number in (1, 3):
        console.run(f"{SHARDS} --partition {number}/3")
    console.run("finish set -q")
    console.verified()


@follows_advice("nothing is missing; to complete it, run: pixelgen finish …")
def test_status_prints_the_finish_command_if_nothing_is_missing(console: Console) -> None:
    console.run(SHARDS.replace("-o set", "-o 'my set' --partition 1/1"))
    console.run("status 'my set'")
    console.follow()
    console.verified("my set")


@follows_advice("run the command with --partition I/… again for I = …", "; …, then this command")
def test_finish_names_missing_partitions(console: Console) -> None:
    console.run(f"{SHARDS} --partition 1/2")
    console.run("finish set", 1)
    assert "--partition I/2 again for I = 2, then this command" in console.last
    console.run(f"{SHARDS} --partition 2/2")
    console.run("finish set")
    console.verified()


@follows_advice("run the command that makes the dataset again")
@pytest.mark.parametrize("place", ["set", "part"])
def test_finish_of_an_unfinished_run_without_partitions_asks_for_its_command(
    place: str, console: Console
) -> None:
    console.run(f"{SHARDS} -o part")
    unfinish("part")
    Path("part/negatives-000003.tar").unlink()
    console.run(f"finish {place} part", 1)
    console.run(f"{SHARDS} -o {place}")
    console.run(f"finish {place} part")
    console.verified(place)


@follows_advice("is missing or damaged; …", "to make it again, run: pixelgen repair …")
def test_finish_copies_a_damaged_file_once_its_finished_directory_is_repaired(
    console: Console,
) -> None:
    console.run(f"{DATASET} -o 'my part'")
    spoil(Path("my part/images/000003.png"))
    console.run("finish set 'my part' -q", 3)
    console.follow()
    console.run("finish set 'my part' -q")
    console.verified()


@follows_advice("remove it, and run the command that made it again")
def test_finish_copies_a_damaged_file_once_its_unfinished_directory_has_it_again(
    console: Console,
) -> None:
    part = SHARDS.replace("-o set", "-o part --partition 1/1")
    console.run(part)
    spoil(Path("part/negatives-000003.tar"))
    console.run("finish set part -q", 3)
    Path("part/negatives-000003.tar").unlink()
    console.run(part)
    console.run("finish set part -q")
    console.verified()


@follows_advice("give the same --layout to every partition")
def test_partitions_of_one_layout_become_one_dataset(console: Console) -> None:
    command = "generate -n 6 -s 8 -q -j 1 -o set"
    console.run(f"{command} --layout files,coco --partition 1/2")
    console.run(f"{command} --partition 2/2", 3)
    console.run(f"{command} --layout files,coco --partition 2/2")
    console.run("finish set -q")
    console.verified()
