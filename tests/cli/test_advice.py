"""Advice: what a message says to do is done, and works.

A message that names a command of pixelgen, an option, or "the same command" is advice. Each test
here brings about the situation, sees the message, follows it, and sees that it helps. The words of
a message that a test plays are its ``claims``, with … for each value in them; the guard at the end
fails for advice in the package that no test claims.
"""

import ast
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import pytest
from PIL import Image

import pixelgen
from pixelgen.cli import cli, main
from pixelgen.dataset import repair, writer
from pixelgen.dataset.add_sidecars import extend
from pixelgen.dataset.journal import JOURNAL
from pixelgen.dataset.plan import read_plan
from pixelgen.engines import Local
from pixelgen.errors import PixelgenError
from pixelgen.families.pointwise import Uniform
from pixelgen.layouts.layout import Layout
from pixelgen.storage import LocalStore
from pixelgen.storage.fsspec_clients import _EXTRAS
from tests.support.command import COMMAND, ROOT, tree_digest

if TYPE_CHECKING:
    from tests.support.pixlab_endpoint import Endpoint

F = TypeVar("F", bound=Callable[..., object])

GAP = "…"
CLAIMED: dict[str, str] = {}
SET = "generate -n 6 -s 8 -q -j 1 -o set"
SHARDS = "generate -n 6 -s 8 -q -j 1 --layout webdataset:per_shard=1 -o set"
NOT_SLURM = ("ID", "MIN", "MAX", "COUNT")


def plays(*claims: str) -> Callable[[F], F]:
    """Say of which messages a test shows that their advice works: it must see each of them."""

    def decorate(test: F) -> F:
        CLAIMED.update(dict.fromkeys(claims, test.__name__))
        test.claims = claims  # type: ignore[attr-defined]  # the console compares them
        return test

    return decorate


@dataclass
class Console:
    """The command line, in this process, and all that it has said."""

    capture: pytest.CaptureFixture[str]
    said: str = ""
    last: str = ""

    def note(self, text: str) -> None:
        """Take down what was said."""
        self.last = text
        self.said += text

    def run(self, command: str, code: int = 0) -> str:
        """Run a command, which must end with a code; return what it says."""
        self.capture.readouterr()
        found = main(shlex.split(command))
        out, err = self.capture.readouterr()
        self.note(out + err)
        assert found == code, f"pixelgen {command}: {found}\n{self.last}"
        return self.last

    def advised(self) -> str:
        """Return the command that the last message says to run."""
        (command,) = re.findall(r"\b(?:run|or): (.+)", self.last)
        return str(command)

    def follow(self, code: int = 0) -> str:
        """Run the command that the last message says to run."""
        program, *words = shlex.split(self.advised())
        assert program == "pixelgen"
        return self.run(shlex.join(words), code)

    def process(
        self,
        command: str,
        code: int = 0,
        environment: Mapping[str, str] | None = None,
        limit: str = "true",
    ) -> str:
        """Run a command in a process of its own, under a limit that a shell sets."""
        done = subprocess.run(
            ["sh", "-c", f"{limit}; exec {shlex.quote(COMMAND)} {command}"], check=False,
            capture_output=True, text=True, env=os.environ | dict(environment or {}), timeout=120,
        )  # fmt: skip
        self.note(done.stdout + done.stderr)
        assert done.returncode == code, f"pixelgen {command}: {done.returncode}\n{self.last}"
        return self.last

    def verified(self, place: str = "set") -> None:
        """See that a dataset is complete and whole."""
        self.run(f"verify {shlex.quote(place)} -q -j 1")


@pytest.fixture
def console(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[Console]:
    """Give the command line, in a folder of the test's own; at the end, compare the claims."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("PIXLAB_API_KEY", "PIXELGEN_REMOTE_URL", "PIXELGEN_SERVE_KEY"):
        monkeypatch.delenv(name, raising=False)
    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    made = Console(capfd)
    yield made
    for number, handler in handlers.items():
        signal.signal(number, handler)
    for claim in getattr(request.function, "claims", ()):
        pattern = ".*?".join(map(re.escape, claim.split(GAP)))
        assert re.search(pattern, made.said, re.DOTALL), f"nothing said {claim!r}"


@pytest.fixture(scope="module")
def server() -> Iterator["Endpoint"]:
    """Run an endpoint for the tests of a process: to end it takes half a second."""
    pytest.importorskip("granian", reason="granian is not installed")
    from tests.support.pixlab_endpoint import Endpoint

    with Endpoint() as made:
        yield made
        made.shutdown()


@pytest.fixture
def endpoint(server: "Endpoint", monkeypatch: pytest.MonkeyPatch) -> "Endpoint":
    """Give the endpoint as if nobody had asked it, and the key to it."""
    monkeypatch.setenv("PIXLAB_API_KEY", "SECRETKEY-0123")
    server.often, server.most, server.pause = 0, 1 << 30, 0
    server.given.clear()
    server.heads.clear()
    return server


def remote(endpoint: "Endpoint", more: str = "") -> str:
    return f"generate --remote --remote-url {endpoint.url} -n 3 -s 64x48 -q -o set {more}"


def unfinish(place: str = "set") -> None:
    """Leave a dataset as a run that was killed just before its end does."""
    Path(place, "metadata.jsonl").unlink()
    Path(place, JOURNAL).touch()


def photos(*sides: int) -> Path:
    """Make a folder of images."""
    folder = Path("photos")
    folder.mkdir()
    for number, side in enumerate(sides):
        Image.new("RGB", (side, side), (number, 9, 9)).save(folder / f"{number}.png")
    return folder


# --- generate ---


@pytest.mark.cli
@plays("--blob writes to standard output; leave out --out")
def test_blob_without_out_is_written(console: Console) -> None:
    console.run("generate --blob -n 1 -s 8 -o set", 2)
    console.process("generate --blob -n 1 -s 8 > image.png")
    assert Path("image.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.cli
@plays("--… is about a directory; leave it out where standard output takes the image")
@pytest.mark.parametrize(
    "option", ["--dry-run", "--json", "--force", "--shard 1/2", "--summary s.md"]
)
def test_standard_output_takes_an_image_without_such_an_option(
    option: str, console: Console
) -> None:
    assert option.split(maxsplit=1)[0] in console.run(f"generate -n 1 -s 8 -o - {option}", 2)
    console.process("generate -n 1 -s 8 -o - > image.png")


@plays("give either --size or --width and --height, not both")
def test_either_spelling_of_a_size_is_taken(console: Console) -> None:
    console.run(f"{SET} --width 9 --height 8", 2)
    console.run("generate -n 1 -q --width 9 --height 8 -o one")
    console.run("generate -n 1 -q -s 9x8 -o two")
    assert tree_digest(Path("one")) == tree_digest(Path("two"))


@plays(
    "--seed random cannot be combined with --shard: all runs of a dataset need the same seed; give"
    " a number"
)
def test_partitions_of_one_seed_become_one_dataset(console: Console) -> None:
    console.run(f"{SHARDS} --shard 1/2 --seed random", 2)
    for number in (1, 2):
        console.run(f"{SHARDS} --shard {number}/2 --seed 7")
    console.run("finish set -q")
    console.verified()


@plays("…, run: pixelgen finish …")
@pytest.mark.parametrize("place", ["set", "it's my set", "-set"])
@pytest.mark.parametrize("total", [1, 2])
def test_partitions_say_how_they_become_a_dataset(total: int, place: str, console: Console) -> None:
    for number in range(1, total + 1):
        console.run(f"generate -n 4 -s 8 -j 1 --out={shlex.quote(place)} --shard {number}/{total}")
    console.follow()
    console.verified(f"./{place}")


@plays("… is about a whole set; leave out --shard")
def test_a_whole_dataset_is_forced_or_fetched_without_shard(
    console: Console, endpoint: "Endpoint"
) -> None:
    console.run(SET)
    assert "--force" in console.run(f"{SET} --force --seed 1 --shard 1/2", 2)
    console.run(f"{SET} --force --seed 1")
    assert "--remote" in console.run(remote(endpoint, "-o fetched --shard 1/2"), 2)
    console.run(remote(endpoint, "-o fetched"))
    console.verified("fetched")


@plays(", or --force to replace that set")
@pytest.mark.parametrize("layout", ["files", "webdataset", "imagefolder"])
def test_force_replaces_a_finished_dataset_of_any_layout(layout: str, console: Console) -> None:
    console.run(f"{SET} --layout {layout}")
    other = f"{SET} --layout mds"
    console.run(other, 3)
    console.run(f"{other} --force")
    console.verified()


@plays("others; finish it with the command that began it, or remove the directory")
def test_what_force_does_not_replace_is_finished_and_then_replaced(console: Console) -> None:
    for way in (lambda: console.run(SET), lambda: shutil.rmtree("set")):
        console.run(SET)
        unfinish()
        console.run(f"{SET} --seed 1 --force", 3)
        way()
        console.run(f"{SET} --seed 1 --force")
        console.verified()
        shutil.rmtree("set")


@plays("--skip-damaged is for families that take your images; leave it out")
def test_nothing_is_skipped_where_no_images_are_taken(console: Console) -> None:
    console.run(f"{SET} --skip-damaged", 2)
    console.run(SET)


@plays("take them out, or leave them out with --skip-damaged")
@pytest.mark.parametrize("command", ["generate -n 3 -j 1 -q -o set", "preview -n 3 -o sheet.png"])
def test_damaged_images_are_left_out_either_way(command: str, console: Console) -> None:
    damaged = photos(20) / "damaged.png"
    damaged.write_text("no image")
    asked = f"{command} -s 8 --family pixel_shuffle:source=photos"
    console.run(asked, 2)
    assert "damaged.png" in console.run(f"{asked} --skip-damaged") or "-q" in command
    shutil.rmtree("set", ignore_errors=True)
    damaged.unlink()
    console.run(asked)


@plays("take them out, or choose a smaller --size")
@pytest.mark.parametrize("command", ["generate -n 3 -j 1 -q -o set", "preview -n 3 -o sheet.png"])
def test_small_images_are_taken_out_or_for_a_smaller_frame(command: str, console: Console) -> None:
    folder = photos(20, 40)
    asked = f"{command} --family pixel_shuffle:source=photos --size"
    console.run(f"{asked} 30", 2)
    console.run(f"{asked} 20")
    shutil.rmtree("set", ignore_errors=True)
    (folder / "0.png").unlink()
    console.run(f"{asked} 30")


@plays("layout … lists checksums; leave out --checksum none")
def test_a_layout_of_checksums_is_made_with_them(console: Console) -> None:
    console.run(f"{SET} --layout bagit --checksum none", 2)
    console.run(f"{SET} --layout bagit")


@plays("(see: pixelgen list …)")
@pytest.mark.parametrize("option", ["family", "format", "layout", "engine"])
def test_what_there_is_is_listed(option: str, console: Console) -> None:
    console.run(f"{SET} --{option} nix", 2)
    (command,) = re.findall(r"see: pixelgen (list \w+)", console.last)
    name = console.run(command).split()[0]
    console.run(f"{SET} --{option} {name}")


@pytest.mark.cli
@plays("use smaller images or, if the command has that option, fewer --jobs")
def test_smaller_images_need_less_memory(console: Console) -> None:
    limit = "ulimit -v 400000"
    console.process("generate -n 1 -s 8000 -q -o set", 1, limit=limit)
    console.process("generate -n 1 -s 80 -q -o other", limit=limit)


@pytest.mark.cli
@plays("or choose a directory on another file system", "allow larger files (ulimit -f)")
def test_a_limit_of_the_size_of_files_is_raised(console: Console) -> None:
    command = "generate -n 2 -q -o set"
    console.process(command, 1, limit="ulimit -f 40")
    console.process(command)
    console.verified()


@pytest.mark.cli
@plays("allow this user more open files (ulimit -n), then run the same command again")
def test_a_limit_of_open_files_is_raised(console: Console) -> None:
    command = "generate -n 2 -s 8 -q -o set"
    console.process(command, 1, limit="ulimit -n 8")
    console.process(command)
    console.verified()


# --- partitions ---


@plays("submit it with sbatch --array=1-64, or give the shard as I/N")
def test_a_task_of_a_job_array_is_a_partition_and_so_is_a_number(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NOT_SLURM:
        monkeypatch.delenv(f"SLURM_ARRAY_TASK_{name}", raising=False)
    console.run(f"{SHARDS} --shard slurm", 2)
    console.run(f"{SHARDS} --shard 2/2")
    for name, value in zip(NOT_SLURM, ("1", "1", "2", "2"), strict=True):
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", value)
    console.run(f"{SHARDS} --shard slurm")
    console.run("finish set -q")
    console.verified()


@pytest.mark.cli
@plays('number the tasks from 1 and give --shard "$…ID/N"')
def test_tasks_of_an_array_with_gaps_give_their_number(console: Console) -> None:
    array = dict(zip(NOT_SLURM, ("3", "1", "3", "2"), strict=True))
    environment = {f"SLURM_ARRAY_TASK_{name}": value for name, value in array.items()}
    said = console.process(f"{SHARDS} --shard slurm", 2, environment)
    (option,) = re.findall('(--shard "[^"]+")', said)
    for number in ("1", "2", "3"):
        task = environment | {"SLURM_ARRAY_TASK_ID": number}
        console.process(f"{SHARDS} {option.replace('/N', '/3')}", 0, task)
    console.run("finish set -q")
    console.verified()


@plays("… does not tell in how many shards it is made; give --of N")
def test_status_is_told_the_number_of_partitions(console: Console) -> None:
    console.run(f"{SHARDS} --shard 1/2")
    console.run(f"{SHARDS} --shard 1/3")
    console.run("status set --missing", 2)
    assert console.run("status set --missing --of 2") == "2\n"


@plays("to be run again: --shard I/… for I = …")
def test_status_names_the_partitions_to_be_run_again(console: Console) -> None:
    console.run(f"{SHARDS} --shard 2/3")
    console.run("status set")
    found = re.findall(r"--shard I/(\d) for I = (\d),(\d)", console.last)
    assert found == [("3", "1", "3")]
    for number in (1, 3):
        console.run(f"{SHARDS} --shard {number}/3")
    console.run("finish set -q")
    console.verified()


@plays("nothing is missing; to complete it, run: pixelgen finish …")
def test_status_says_how_a_dataset_of_all_shards_is_completed(console: Console) -> None:
    console.run(SHARDS.replace("-o set", "-o 'my set' --shard 1/1"))
    console.run("status 'my set'")
    console.follow()
    console.verified("my set")


@plays("run the command with --shard I/… again for I = …", "; …, then this command")
def test_finish_names_the_partitions_that_are_missing(console: Console) -> None:
    console.run(f"{SHARDS} --shard 1/2")
    console.run("finish set", 1)
    assert "--shard I/2 again for I = 2, then this command" in console.last
    console.run(f"{SHARDS} --shard 2/2")
    console.run("finish set")
    console.verified()


@plays("run the command that makes the dataset again")
@pytest.mark.parametrize("place", ["set", "part"])
def test_finish_of_what_no_partition_made_asks_for_the_command(
    place: str, console: Console
) -> None:
    console.run(f"{SHARDS} -o part")
    unfinish("part")
    Path("part/negatives-000003.tar").unlink()
    console.run(f"finish {place} part", 1)
    console.run(f"{SHARDS} -o {place}")
    console.run(f"finish {place} part")
    console.verified(place)


@plays("is missing or damaged; …", "to make it again, run: pixelgen repair …")
def test_a_damaged_file_of_a_finished_place_is_repaired_and_brought(console: Console) -> None:
    console.run(f"{SET} -o 'my part'")
    spoil(Path("my part/images/000003.png"))
    console.run("finish set 'my part' -q", 3)
    console.follow()
    console.run("finish set 'my part' -q")
    console.verified()


@plays("remove it, and run the command that made it again")
def test_a_damaged_file_of_a_place_in_progress_is_made_again_and_brought(
    console: Console,
) -> None:
    part = SHARDS.replace("-o set", "-o part --shard 1/1")
    console.run(part)
    spoil(Path("part/negatives-000003.tar"))
    console.run("finish set part -q", 3)
    Path("part/negatives-000003.tar").unlink()
    console.run(part)
    console.run("finish set part -q")
    console.verified()


@plays("give the same --layout to every shard")
def test_partitions_of_one_layout_become_one_dataset(console: Console) -> None:
    command = "generate -n 6 -s 8 -q -j 1 -o set"
    console.run(f"{command} --layout files,coco --shard 1/2")
    console.run(f"{command} --shard 2/2", 3)
    console.run(f"{command} --layout files,coco --shard 2/2")
    console.run("finish set -q")
    console.verified()


# --- datasets that are damaged or unfinished ---


def spoil(path: Path) -> None:
    """Change a byte of a file."""
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data)


@plays("run the command that makes it again…", ", or: pixelgen repair …")
@pytest.mark.parametrize("command", ["verify", "preview", "index --layout coco"])
def test_an_unfinished_dataset_is_finished_either_way(command: str, console: Console) -> None:
    make = SET.replace("-o set", "-o 'my set'")
    console.run(make)
    unfinish("my set")
    console.run(f"{command} 'my set'", 1)
    console.follow()
    unfinish("my set")
    console.run(make)
    console.verified("my set")


@plays(
    "…; to write it again, run: pixelgen repair …",
    "…; move it away, then run: pixelgen repair …",
)
def test_a_manifest_that_is_not_there_is_written_again(console: Console) -> None:
    console.run(SET)
    whole = tree_digest(Path("set"))
    manifest = Path("set/metadata.jsonl")
    manifest.unlink()
    console.run("verify set", 3)
    console.follow()
    assert tree_digest(Path("set")) == whole
    manifest.unlink()
    manifest.mkdir()
    console.run("verify set", 3)
    manifest.rename("aside")
    console.follow()
    assert tree_digest(Path("set")) == whole


@plays(
    "or, unless its images were fetched with --remote, run the command"
    " that made the dataset again, with the same seed and all sidecars"
)
def test_the_command_with_all_sidecars_brings_a_plan_back(console: Console) -> None:
    console.run(f"{SET} --seed random")
    console.run("index set --layout coco -q")
    whole = tree_digest(Path("set"))
    seed = json.loads(Path("set/pixelgen.json").read_text())["job"]["seed"]
    Path("set/pixelgen.json").unlink()
    for command in ("verify", "repair", "status"):
        console.run(f"{command} set", 3)
    console.run(f"{SET} --seed {seed} --layout coco")
    assert tree_digest(Path("set")) == whole


def test_a_plan_of_fetched_images_comes_back_by_itself_alone(
    console: Console, endpoint: "Endpoint"
) -> None:
    console.run(remote(endpoint))
    whole = tree_digest(Path("set"))
    plan = Path("set/pixelgen.json")
    plan.rename("aside")
    console.run("verify set", 3)
    console.run(remote(endpoint), 3)
    Path("aside").rename(plan)
    assert tree_digest(Path("set")) == whole
    console.verified()


def test_a_plan_that_nothing_vouches_for_is_not_said_to_come_back(console: Console) -> None:
    console.run(f"{SET} --checksum none")
    Path("set/pixelgen.json").unlink()
    assert "put the old one back, or move the dataset away" in console.run("verify set", 3)
    Path("set").rename("aside")
    console.run(f"{SET} --checksum none")


@plays("first run: pixelgen repair …")
@pytest.mark.parametrize("command", ["index set --layout coco -q", "finish other set -q"])
def test_a_damaged_manifest_is_repaired_first(command: str, console: Console) -> None:
    console.run(SET)
    manifest = Path("set/metadata.jsonl")
    manifest.write_text(manifest.read_text().replace('"mode":"RGB"', '"mode":"RGX"', 1))
    console.run(command, 3)
    console.follow()
    console.run(command)
    console.verified()


def test_what_was_fetched_is_never_said_to_be_repaired(
    console: Console, endpoint: "Endpoint"
) -> None:
    console.run(remote(endpoint))
    manifest, image = Path("set/metadata.jsonl"), Path("set/images/000001.png")
    for path, command in ((manifest, "index set --layout coco"), (image, "finish other set")):
        data = path.read_bytes()
        path.write_bytes(data.replace(b'"width":64', b'"width":65'))
        if path == image:
            spoil(path)
        assert "put the old one back" in console.run(command, 3)
        assert "repair" not in console.last
        path.write_bytes(data)
        console.run(command)


@plays("to see whether it was changed, run: pixelgen verify …")
def test_verify_tells_why_an_image_cannot_be_shown(console: Console) -> None:
    console.run(f"{SET} -o 'my set'")
    Path("my set/images/000003.png").write_text("no image")
    console.run("preview 'my set' -o sheet.png", 1)
    assert "images/000003.png: " in console.follow(3)


@plays("… damaged, and the check stopped there (see --max-errors)")
def test_more_errors_are_told_on_request(console: Console) -> None:
    console.run(SET)
    for path in Path("set/images").iterdir():
        spoil(path)
    console.run("verify set --max-errors 2", 3)
    assert len(console.run("verify set --max-errors 7 -q", 3).splitlines()) == 6


@plays("or, to check their SHA-256 alone, run: pixelgen verify …")
@pytest.mark.parametrize("command", ["verify --deep", "repair --deep"])
def test_images_of_another_version_are_verified_by_their_sums(
    command: str, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    console.run(f"{SET} -o 'my set'")
    monkeypatch.setattr(Uniform, "version", 2)
    Path("my set/images/000003.png").unlink()
    console.run(f"{command} 'my set'", 3)
    assert "images/000003.png: missing" in console.follow(3)


@plays("files or rows are damaged; to make the dataset anew, run: pixelgen generate --recipe …")
def test_a_dataset_past_repair_is_made_anew(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    console.run(f"{SET} -o 'my set'")
    whole = tree_digest(Path("my set"))
    for path in Path("my set/images").iterdir():
        spoil(path)
    monkeypatch.setattr(repair, "_MOST_DAMAGE", 3)
    console.run("repair 'my set'", 3)
    command = console.advised().replace("DIRECTORY", "anew").removeprefix("pixelgen ")
    console.run(command)
    assert tree_digest(Path("anew")) == whole


@plays("the old plan back or, if the plan is right, remove … and run the same command again")
def test_sums_that_contradict_a_right_plan_are_removed(console: Console) -> None:
    console.run(SET)
    whole = tree_digest(Path("set"))
    sums = Path("set/SHA256SUMS")
    lines = sums.read_text().splitlines(keepends=True)
    wrong = ["0" * 64 + line[64:] if "pixelgen.json" in line else line for line in lines]
    sums.write_text("".join(wrong))
    Path("set/images/000003.png").unlink()
    console.run("repair set", 3)
    (path,) = re.findall(r"remove (\S+) and run", console.last)
    Path(path).unlink()
    console.run("repair set")
    assert tree_digest(Path("set")) == whole


# --- what happens during a run ---


def refused(console: Console, call: Callable[[], object]) -> None:
    """See a call refused, and take down what it says."""
    with pytest.raises(PixelgenError) as caught:
        call()
    console.note(str(caught.value))


def opened(command: str, console: Console) -> tuple[LocalStore, Any]:
    """Run a command; return the store that it made and its job."""
    console.run(command)
    store = LocalStore("set")
    plan = read_plan(store)
    assert plan
    return store, plan.job


@plays("… was changed meanwhile; run the same command again")
def test_a_journal_that_was_changed_is_made_up_for_by_the_same_command(console: Console) -> None:
    store, job = opened(SHARDS, console)
    whole = tree_digest(Path("set"))
    shutil.rmtree("set")
    journal = Path("set", JOURNAL)

    def change(images: int, size: int) -> None:
        journal.write_bytes(b"\0" * journal.stat().st_size)

    refused(console, lambda: writer.write(job, store, writer.Run(jobs=1, progress=change)))
    console.run(SHARDS)
    assert tree_digest(Path("set")) == whole


@plays("… got other sidecars meanwhile; run the same command again")
def test_sidecars_of_two_runs_at_once_come_by_the_same_command(console: Console) -> None:
    store, job = opened(f"{SET} --layout coco", console)
    plan = read_plan(store)
    assert plan
    other = replace(job, layout=Layout.parse("csv"))
    refused(console, lambda: extend(plan, other, store))
    console.run(f"{SET} --layout csv")
    assert Path("set/coco.json").exists()
    console.verified()


@dataclass(frozen=True)
class Forgetful(Local):
    """Lose what the last shard came to."""

    def map(self, *arguments: Any, **options: Any) -> Iterator[Any]:
        return iter(list(super().map(*arguments, **options))[:-1])


@plays("… shards were lost; run the same command again")
def test_shards_that_an_engine_lost_come_by_the_same_command(console: Console) -> None:
    store, job = opened(SHARDS, console)
    shutil.rmtree("set")
    refused(console, lambda: writer.write(job, store, writer.Run(Forgetful(), jobs=1)))
    console.run(SHARDS)
    console.verified()


PLUGIN = """
import hashlib, multiprocessing, os, signal
from dataclasses import dataclass
from pathlib import Path
from pixelgen.families import Family
from pixelgen.layouts import Sidecar

def interrupt():
    if Path("interrupt").exists():
        Path("interrupt").unlink()
        os.kill(os.getpid(), signal.SIGINT)

@dataclass(frozen=True)
class Noise(Family):
    '''Noise that is interrupted or killed where there is a file of that name.'''

    number = 9001

    def render(self, stream, shape):
        interrupt()
        if Path("kill").exists():
            hashlib.sha512(bytes(1 << 26))  # work enough to be given to several workers
            if multiprocessing.parent_process():
                os._exit(9)
        return stream.integers(shape.levels, shape.depth)

@dataclass(frozen=True)
class Index(Sidecar):
    '''An index that is interrupted.'''

    containers = ()

    def index(self, manifest):
        interrupt()
        yield "index.txt", b"index"
"""


@pytest.fixture
def plugin(tmp_path: Path) -> dict[str, str]:
    """Write the plugin; return the environment that lets it in."""
    (tmp_path / "advised.py").write_text(PLUGIN)
    return {"PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}",
            "PIXELGEN_PLUGINS": "advised.Noise,advised.Index"}  # fmt: skip


@pytest.mark.cli
@pytest.mark.slow
@plays("the same command finishes it", "verify again")
def test_what_is_interrupted_is_finished_by_the_same_command(
    console: Console, plugin: dict[str, str]
) -> None:
    make = f"{SHARDS} --family advised.Noise"
    code = 128 + signal.SIGINT
    Path("interrupt").touch()
    console.process(make, code, plugin)
    console.process(make, 0, plugin)
    whole = tree_digest(Path("set"))
    Path("set/negatives-000003.tar").unlink()
    for command in ("verify --deep set -j 1", "repair --deep set -j 1"):
        Path("interrupt").touch()
        console.process(command, code, plugin)
        assert (
            f"SIGINT: stopping; {'the same' if 'repair' in command else 'verify'}" in console.last
        )
        console.process(command, 0 if "repair" in command else 3, plugin)
    assert tree_digest(Path("set")) == whole
    index = "index set --layout advised.Index -q"
    Path("interrupt").touch()
    assert "stopping; the same command finishes it" in console.process(index, 0, plugin)
    console.process(index, 0, plugin)
    console.process("verify set -q", 0, plugin)


@pytest.mark.cli
@pytest.mark.slow
@plays("(killed, or out of memory?); run the same command again, with fewer --jobs")
def test_with_fewer_jobs_there_is_no_worker_to_die(
    console: Console, plugin: dict[str, str]
) -> None:
    make = f"{SHARDS} --family advised.Noise"
    Path("kill").touch()
    console.process(f"{make} -j 2", 1, plugin)
    console.process(f"{make} -j 1", 0, plugin)
    console.process("verify --deep set -j 2", 1, plugin)
    assert "keep dying" in console.last
    console.process("verify --deep set -j 1", 0, plugin)


# --- the remote endpoint ---


@plays("the remote is asked by this process alone; leave out --engine")
def test_images_are_fetched_without_an_engine(console: Console, endpoint: "Endpoint") -> None:
    console.run(remote(endpoint, "--engine serial"), 2)
    console.run(remote(endpoint))


@plays("--… is about --remote; give that, too")
@pytest.mark.parametrize(
    "option", ["--remote-url URL", "--remote-rate 9/s", "--remote-timeout 9", "--remote-mode blob",
               "--remote-auth query", "--remote-allow-host nix", "--key x", "--key-file key"]
)  # fmt: skip
def test_options_of_the_remote_go_with_it(
    option: str, console: Console, endpoint: "Endpoint"
) -> None:
    Path("key").write_text("SECRETKEY-0123")
    Path("key").chmod(0o600)
    more = option.replace("URL", endpoint.url)
    if option != "--remote-mode blob":  # which is the default
        assert option.split(maxsplit=1)[0] in console.run(f"generate -n 1 -s 8 -o set {more}", 2)
    else:
        console.run("generate -n 1 -s 8 -o set --remote-mode link", 2)
    console.run(remote(endpoint, more))


@plays("a remote image cannot be made again: leave out --checksum none")
def test_images_are_fetched_with_checksums(console: Console, endpoint: "Endpoint") -> None:
    console.run(remote(endpoint, "--checksum none"), 2)
    console.run(remote(endpoint))


@plays(
    "where the key is sent: add --remote, and --remote-url for another address than PixLab's",
    "and --remote asks …; to ask the other one, give it as --remote-url",
)
def test_a_recipe_s_address_is_asked_where_it_is_given(
    console: Console, endpoint: "Endpoint"
) -> None:
    console.run(remote(endpoint))
    recipe = "generate --recipe set/pixelgen.json -q -o again"
    console.run(recipe, 2)
    console.run(f"{recipe} --remote", 2)
    console.run(f"{recipe} --remote --remote-url {endpoint.url}")
    console.verified("again")


@plays("there is no key: set … or give --key-file…")
def test_a_key_is_taken_from_each_place_that_is_named(
    console: Console, endpoint: "Endpoint", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIXLAB_API_KEY")
    console.run(remote(endpoint), 2)
    variable, own = re.findall(r"set (\w+) or give --key-file, or put it in (\S+);", console.last)[
        0
    ]
    Path(own).parent.mkdir(parents=True)
    for path in (Path(own), Path("key")):
        path.write_text("SECRETKEY-0123\n")
        path.chmod(0o600)
    console.run(remote(endpoint, "-o own"))
    Path(own).unlink()
    console.run(remote(endpoint, "-o file --key-file key"))
    monkeypatch.setenv(variable, "SECRETKEY-0123")
    console.run(remote(endpoint, "-o variable"))


@pytest.mark.cli
@plays("others can read the key in …; run: chmod 600 …")
@pytest.mark.parametrize("name", ["key", "it's my key", "-key"])
def test_a_key_that_others_can_read_is_hidden_as_is_said(
    name: str, console: Console, endpoint: "Endpoint", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIXLAB_API_KEY")
    Path(name).write_text("SECRETKEY-0123")
    Path(name).chmod(0o644)
    command = remote(endpoint, f"--key-file={shlex.quote(name)}")
    console.run(command, 2)
    subprocess.run(["sh", "-c", console.advised()], check=True)
    console.run(command)


@pytest.mark.cli
@plays(
    "…; the next try, in … s, would be past --remote-timeout",
    "; try again later, or make images on this machine: in another directory, without --remote and"
    " its options",
)
def test_more_time_or_this_machine_makes_up_for_a_busy_endpoint(
    console: Console, endpoint: "Endpoint"
) -> None:
    endpoint.often, endpoint.pause = 1, 300
    console.run(remote(endpoint, "-j 1 --remote-timeout 200"), 1)
    console.run("generate -n 3 -s 64x48 -q -o other")
    endpoint.often, endpoint.pause = 2, 0
    console.run(remote(endpoint, "-n 1 -j 1 --remote-timeout 500"))
    assert endpoint.given["429"] == 2
    console.verified()


@plays("finished; finish it with the command that began it, or remove the directory")
def test_images_that_were_paid_for_are_finished_and_then_replaced(
    console: Console, endpoint: "Endpoint"
) -> None:
    endpoint.most = 2
    console.run(remote(endpoint, "-j 1"), 4)
    console.run(f"{SET} --force", 3)
    endpoint.most = 9
    console.run(remote(endpoint, "-j 1"))
    console.run(f"{SET} --force")
    console.verified()


@plays("images of this set are still to come from …: run the 'pixelgen generate --remote' that")
def test_images_that_are_to_come_are_fetched_by_the_command_that_began(
    console: Console, endpoint: "Endpoint"
) -> None:
    endpoint.most = 2
    console.run(remote(endpoint, "-j 1"), 4)
    plan = read_plan(LocalStore("set"))
    assert plan
    refused(console, lambda: writer.write(plan.job, LocalStore("set"), writer.Run(jobs=1)))
    endpoint.most = 9
    console.run(remote(endpoint, "-j 1"))
    console.verified()


@plays("to check these by their SHA-256, run: pixelgen verify …")
def test_what_was_fetched_is_verified_and_what_is_to_come_is_fetched(
    console: Console, endpoint: "Endpoint"
) -> None:
    endpoint.most = 2
    console.run(remote(endpoint, "-j 1"), 4)
    assert "run the command that makes it again\n" in console.run("repair set", 1)
    endpoint.most = 9
    console.run(remote(endpoint, "-j 1"))
    for command in ("repair", "verify --deep"):
        console.run(f"{command} set", 2)
        console.follow()


@plays("--remote keeps what was paid for in a directory; name one")
def test_images_are_fetched_to_a_directory(console: Console, endpoint: "Endpoint") -> None:
    pytest.importorskip("s3fs", reason="the extra 's3' is not installed")
    console.run(remote(endpoint, "-o s3://bucket/set"), 2)
    console.run(remote(endpoint))


@pytest.mark.cli
@plays(
    "others can reach …; give them a key by --key-file, or let anyone in by --no-auth",
    "give either a key or --no-auth, not both",
    "noise … is no family's name; see 'pixelgen list families'",
)
def test_a_server_for_others_has_a_key_or_is_open(console: Console, tmp_path: Path) -> None:
    pytest.importorskip("granian", reason="granian is not installed")
    from tests.support.serving import serving

    Path("key").write_text("SECRET")
    Path("key").chmod(0o600)
    console.run("serve --host 0.0.0.0 --port 0", 2)
    console.run("serve --host 0.0.0.0 --port 0 --key-file key --no-auth", 2)
    for options in (("--key-file", "key"), ("--no-auth",)):
        with serving(tmp_path, "--host", "0.0.0.0", *options) as server:  # noqa: S104
            assert server.get(width=5, key="SECRET").status == 200
            wrong = server.get(width=5, key="SECRET", noise="os.path")
            console.note(wrong.json["error"])
            for name in re.findall(r"^(\w+)", console.run("list families"), re.MULTILINE)[:3]:
                assert server.get(width=5, key="SECRET", noise=name).status == 200


# --- the guard ---

ELSEWHERE = {
    "to make them again, run: pixelgen repair …":
        "tests/dataset/test_missing_files.py::test_no_command_calls_a_dataset_complete_that_lacks_a_file",
    "run the same command again with --jobs 1, or allow this user more processes":
        "tests/faults/test_calls.py::"
        "test_a_system_without_threads_or_processes_is_one_line_and_never_waited_for",
    "free some space, then run the same command again":
        "tests/faults/test_disks.py::test_a_disk_full_at_any_page_leaves_no_short_file_of_any_format",
    "run the same command again to go on":
        "tests/faults/test_calls.py::"
        "test_a_run_refused_at_any_call_says_so_and_is_finished_later",
    "; images that came are kept (…), and the same command goes on":
        "tests/pixlab/client/test_fetch.py::test_a_batch_that_is_refused_half_way_is_kept_and_finished",
    "the Dask scheduler is gone (…); start it again, then run the same command again":
        "tests/engines/test_dask.py::"
        "test_a_killed_scheduler_ends_the_run_and_the_next_one_completes_it",
    "start some ('dask worker ADDRESS --nthreads 1'), then run the same command again":
        "tests/engines/test_dask.py::test_a_scheduler_without_workers_is_waited_for",
    "--force replaces a set in a directory; remove the objects by yourself":
        "tests/storage/objects/test_s3.py::test_a_dataset_is_replaced_once_its_objects_are_removed",
    "it failed for … s; run the same command again to resume":
        "tests/storage/objects/test_s3.py::test_a_run_that_an_outage_ended_is_resumed_by_the_same_command",
    "with more memory for each (--memory-limit), then run the same command again: what is done":
        "tests/engines/test_dask_workers.py::test_a_run_whose_workers_are_all_paused_ends_and_is_resumed",
    "set the clock of this machine, then run the same command again":
        "tests/storage/objects/test_refusals.py::test_a_wrong_clock_is_said_to_be_wrong",
    "renew or correct the credentials, then run the same command again":
        "tests/storage/objects/test_refusals.py::test_credentials_that_expire_in_a_run_are_renewed_and_it_is_resumed",
    "Host … is not a name of this server; use localhost, or start the server with --allow-host":
        "tests/pixlab/server/test_serve.py::test_a_name_that_is_allowed_is_a_name_of_this_server",
    "start the server with --allow-origin ORIGIN, and let the page use CORS":
        "tests/pixlab/server/test_serve.py::test_an_allowed_origin_gets_the_headers_of_cors",
    "busy; try again in a second":
        "tests/pixlab/server/test_serve.py::test_more_than_can_wait_are_told_to_come_again",
}  # fmt: skip
"""Messages whose advice a test of another module plays to the end."""

EXEMPT = {
    "warning: --key is kept": "warns of the option that was given; the help says what is better",
    "pixelgen serve": "the title of the description of the service",
    "workers keep dying (killed, or out of memory?); run the same command again with more memory":
        "needs a cluster whose workers lack memory",
    "'dask scheduler --scheduler-file …' writes it": "a command of Dask's, seen to be there below",
    "… has … bytes after … were sent; run the same command again":
        "needs a store that confirms what it did not take",
    "python -m pip install 'pixelgen==…'": "needs another version of pixelgen",
    "python -m pip install 'pixelgen>=…'": "needs another version of pixelgen",
    "layout parquet needs pyarrow: pip install 'pixelgen[parquet]'": "an extra, compared below",
    "for its checksums: pip install 'pixelgen[tfrecord]'": "an extra, compared below",
    "serve needs granian: pip install 'pixelgen[serve]'": "an extra, compared below",
    "python -m pip install 'pixelgen[dask]'": "an extra, compared below",
    "python -m pip install 'pixelgen[…]'": "an extra, compared below",
}  # fmt: skip
"""Texts that look like advice and are not, or whose advice cannot be followed in a test."""

ADVICE = re.compile(
    rf"pixelgen (?:{'|'.join(cli.commands)})\b|--[a-z…]|\b(?:same|this|(?:run|with) the) command\b"
    r"|\b(?:run|try|verify|repair)\b.{0,20} again\b|pip install|chmod|ulimit|sbatch|dask (?:w|s)"
)
OF_OTHERS = ("--array", "--memory-limit", "--nthreads", "--scheduler-file", "--help")
PACKAGE = Path(pixelgen.__file__).parent
TESTS = ROOT / "tests"


def text_of(node: ast.expr) -> str:
    """Return a string as it is written, with … for each value in it; '' for anything else."""
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(each) for each in node.values)
    if isinstance(node, ast.FormattedValue):
        return GAP
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def texts_in(node: ast.AST, *, help_too: bool) -> Iterator[str]:
    """Yield the strings in a piece of code; docstrings and help of options only if asked for."""
    for child in ast.iter_child_nodes(node):
        is_docstring = isinstance(node, ast.Expr) and isinstance(child, ast.Constant)
        is_help = isinstance(child, ast.Call) and ast.unparse(child.func).startswith("click.opt")
        if not help_too and (is_docstring or is_help):
            continue
        if isinstance(child, ast.expr) and (text := text_of(child)) and text != GAP:
            yield text
        values = (each for each in getattr(child, "values", ()) if text_of(each) == GAP)
        for each in values if isinstance(child, ast.JoinedStr) else (child,):
            yield from texts_in(each, help_too=help_too)


@cache
def texts(*, help_too: bool = False) -> dict[str, str]:
    """Return the strings of the package, each with the module that has it."""
    return {
        text: str(path.relative_to(PACKAGE.parent))
        for path in sorted(PACKAGE.rglob("*.py"))
        for text in texts_in(ast.parse(path.read_text()), help_too=help_too)
    }


def covers(claim: str, text: str, place: int) -> bool:
    """Tell whether a claim is of a message, and of what stands at a place in it.

    One that is a message of its own is of no other.
    """
    start = text.find(claim)
    is_of_it = claim == text or claim not in texts()
    return is_of_it and start >= 0 and start <= place < start + len(claim)


def test_all_advice_is_tried() -> None:
    """A message that is new is to be played by a test: see ``plays``."""
    claims = (*CLAIMED, *ELSEWHERE, *EXEMPT)
    untried = [
        f"{where}: {found[0]!r} in {text!r}"
        for text, where in texts().items()
        if not re.fullmatch("--[a-z-]+", text)  # the name of an option
        for found in ADVICE.finditer(text)
        if not any(covers(claim, text, found.start()) for claim in claims)
    ]
    assert not untried, "\n".join(untried)


def test_each_claim_is_of_one_message() -> None:
    for claim in (*CLAIMED, *ELSEWHERE, *EXEMPT):
        found = [text for text in texts() if claim in text]
        assert found, f"no message says {claim!r} any more"
        assert len(found) == 1 or claim in found, f"{claim!r} is of several messages: {found}"


@pytest.mark.parametrize("test", sorted(set(ELSEWHERE.values())))
def test_the_tests_elsewhere_are_there(test: str) -> None:
    path, name = test.split("::")
    module = ast.parse((TESTS.parent / path).read_text())
    assert name in [node.name for node in module.body if isinstance(node, ast.FunctionDef)]


def test_what_is_named_in_help_and_messages_is_there() -> None:
    contexts = [command.make_context(name, [], resilient_parsing=True)
                for name, command in cli.commands.items()]  # fmt: skip
    options = {option for context in contexts for parameter in context.command.params
               if isinstance(parameter, click.Option) for option in parameter.opts}  # fmt: skip
    for text, where in texts(help_too=True).items():
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text):
            assert option in options or option in OF_OTHERS, f"{where}: {option} in {text!r}"
        for command in re.findall(r"(?:'|``|: )pixelgen ([a-z]+)", text):
            assert command in cli.commands, f"{where}: {command} in {text!r}"


def test_extras_that_are_to_be_installed_are_there() -> None:
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]
    named = {extra for text in texts() for extra in re.findall(r"'pixelgen\[(.+?)\]'", text)}
    assert GAP in named
    assert (named - {GAP}) | set(_EXTRAS.values()) <= set(project["optional-dependencies"])


def test_commands_of_dask_have_the_options_that_are_named() -> None:
    pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
    from distributed.cli import dask_scheduler, dask_worker

    for command, option in (
        (dask_scheduler.main, "--scheduler-file"),
        (dask_worker.main, "--nthreads"),
        (dask_worker.main, "--memory-limit"),
    ):
        assert option in {name for parameter in command.params for name in parameter.opts}
