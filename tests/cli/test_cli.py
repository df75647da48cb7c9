"""The command as users and scripts meet it: results, messages, exit codes."""

import fcntl
import json
import os
import pty
import pwd
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

from pixelgen import __version__
from pixelgen.cli import main
from pixelgen.cli.keys import own_key_file
from tests.support.command import COMMAND, MEASURED, Done, Run, tree_digest

HEAVY = ("numpy", "PIL", "rich", "tqdm", "urllib3", "zlib_ng", "dask", "distributed")


@pytest.mark.cli
@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_import_nothing_heavy(option: str) -> None:
    code = (
        "import sys, pixelgen.cli\n"
        f"assert pixelgen.cli.main(['{option}']) == 0\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.cli
def test_generate_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, pixelgen.cli\n"
        "assert pixelgen.cli.main(['generate', '--help']) == 0\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.cli
@pytest.mark.parametrize(
    ("arguments", "facts"),
    [
        (["--width", 0], "width 0 1.."),
        (["--width", -1], "width -1 1.."),
        (["--width", 10**9], "memory 2,147,483,647"),
        (["--width", 10**30], f"{10**30}"),
        (["-s", "300y300"], "size '300y300' WIDTHxHEIGHT 300x200"),
        (["-s", ""], "size WIDTHxHEIGHT"),
        (["-s", "0x5"], "width 0 1.."),
        (["-s", 5, "--width", 5], "--size --width --height"),
        (["-n", -1], "count -1 0.."),
        (["-n", 2**60], f"{2**60} 0.."),
        (["-n", "many"], "'many' whole"),
        (["--color", "octarine"], "color 'octarine'"),
        (["--color", "#ggg"], "color '#ggg'"),
        (["--color", ""], "color ''"),
        (["-f", "pnng"], "format 'pnng' 'png'"),
        (["--family", "unifrom"], "family 'unifrom' 'uniform'"),
        (["--family", "gaussian:sgma=3"], "parameter 'sgma' 'sigma'"),
        (["--layout", "zip"], "layout 'zip'"),
        (["--engine", "dusk"], "engine 'dusk'"),
        (["-f", "jpeg", "--color", "tr"], "jpeg alpha avif"),
        (["-f", "jpeg", "-s", "65501x1"], "jpeg 65500"),
        (["-f", "webp", "-s", "1x16384"], "webp 16383"),
        (["-f", "jpeg", "--depth", 16], "jpeg 16-bit RGB npy png ppm tiff"),
        (["-f", "webp", "--mode", "L"], "webp mode L png"),
        (["--mode", "RGB", "--color", "tr"], "alpha RGBA"),
        (["--density", 0.5], "density color"),
        (["--density", 1.5, "--color", "red"], "density 1.5 0..1"),
        (["--density", "nan", "--color", "red"], "density nan 0..1"),
        (["--seed", "banana"], "seed 'banana' number"),
        (["--seed", 2**128], "seed 0 2**128-1"),
        (["-o", "file"], "file"),
        (["-o", "s3://"], "'s3://' BUCKET"),
        (["-j", 0], "--jobs 0 1"),
        (["-o", ""], "output empty"),
        (["--blob", "-o", "x"], "--blob standard output"),
        (["--blob", "--dry-run"], "--dry-run directory"),
        (["--recipe", ""], "recipe"),
        (["--recipe", "/dev/zero"], "/dev/zero TOML"),
        (["--recipe", "nested.toml"], "nested.toml TOML"),
        (["--recipe", "nested.json"], "nested.json TOML"),
        (["--recipe", "sizes.toml"], "sizes.toml size width height"),
        (["--recipe", "kind.toml"], "family uniform"),
        (["-f", "webp", "--mode", "RGBA"], "webp alpha opaque"),
        (["--recipe", "nowhere.toml"], "recipe nowhere.toml"),
        (["--recipe", "file"], "file TOML"),
        (["--colour", "red"], "--colour"),
        (["--dry-run", "--mode", "CMYK"], "--mode 'CMYK' RGB"),
    ],
)
def test_invalid_input_is_one_line_exit_code_2_quick_and_writes_nothing(
    tmp_path: Path, arguments: list[object], facts: str
) -> None:
    files = {
        "file": "no recipe",
        "nested.toml": "a = " + "[" * 100_000,
        "nested.json": "[" * 100_000,
        "sizes.toml": "size = 5\nwidth = 6",
        "kind.toml": 'family = {name = "uniform"}',
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, COMMAND, "generate", *map(str, arguments)],
        check=False, capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    out, _, used = done.stdout.rpartition("\n")
    seconds, kibibytes = map(float, used.split())

    assert done.returncode == 2
    assert [fact for fact in facts.split() if fact not in done.stderr] == [], done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert out == ""
    assert {path.name for path in tmp_path.iterdir()} == set(files)
    assert seconds < 20  # of the CPU: many times what it takes, and far from what 10⁹ pixels do
    assert kibibytes < 100_000


def test_a_plain_run_prints_the_manifest_and_how_to_load_the_dataset(
    run: Run, tmp_path: Path
) -> None:
    done = run("generate", "-n", 12, "-s", "20x10")

    assert done.returncode == 0
    assert done.stdout == "negatives/metadata.jsonl\n"
    assert done.stderr.splitlines()[-1].startswith("load it: datasets.load_dataset(")
    assert run("generate", "-n", 12, "-s", "20x10", "-q").stderr == ""


def test_json_is_one_object_of_documented_names(run: Run) -> None:
    done = json.loads(run("generate", "-n", 5, "-s", 8, "--json").stdout)
    again = json.loads(run("generate", "-n", 5, "-s", 8, "--json").stdout)
    failed = run("generate", "-n", -5, "--json")
    conflict = json.loads(run("generate", "-n", 4, "-s", 8, "--json").stdout)
    partition = ("--layout", "webdataset", "--partition", "1/2", "-o", "partitions")
    partial = json.loads(run("generate", "-n", 8, "-s", 8, *partition, "--json").stdout)

    assert done.keys() == {
        "state",
        "id",
        "manifest",
        "count",
        "created",
        "existing",
        "bytes",
        "seconds",
    }
    assert done["state"] == "complete"
    assert done["manifest"] == "negatives/metadata.jsonl"
    assert re.fullmatch("[0-9a-f]{64}", done["id"])
    assert (done["count"], done["created"], done["existing"]) == (5, 5, 0)
    assert (again["created"], again["existing"], again["id"]) == (0, 5, done["id"])
    assert json.loads(failed.stdout)["exit_code"] == failed.returncode == 2
    assert "count -5" in json.loads(failed.stdout)["error"]
    assert conflict["exit_code"] == 3
    assert (partial["state"], partial["partition"], partial["created"]) == ("partial", "1/2", 4)


@pytest.mark.cli
@pytest.mark.parametrize(
    ("redirection", "code"),
    [(">&-", 0), ("2>&-", 0), (">&- 2>&-", 0), ("2>/dev/full", 0), ("</dev/null", 0),
     ("<&-", 0), (">/dev/full", 1)],
)  # fmt: skip
def test_closed_and_full_streams_cause_no_traceback(
    tmp_path: Path, redirection: str, code: int
) -> None:
    done = subprocess.run(
        ["bash", "-c", f"{COMMAND} generate -n 3 -s 8 {redirection}"],
        check=False, capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip

    assert "Traceback" not in done.stderr
    assert done.returncode == code, done.stderr
    assert (tmp_path / "negatives/metadata.jsonl").exists()


@pytest.mark.parametrize(
    "name",
    [
        "with space",
        "new\nline",
        "-dash",
        "émoji-🎲",
        "quote'\"",
        "a/../b",
        "dot.",
        os.fsdecode(b"\xff"),
    ],
)
def test_odd_paths_work(run: Run, tmp_path: Path, name: str) -> None:
    around = {"PYTHONIOENCODING": "ascii:strict", "LC_ALL": "C", "PYTHONUTF8": "0"}
    done = run("generate", "-n", 2, "-s", 8, f"--out={name}", **around)

    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{name}/metadata.jsonl\n"
    assert run("verify", "--", name, **around).returncode == 0
    rows = [json.loads(line) for line in (tmp_path / name / "metadata.jsonl").read_bytes().split()]
    assert rows[1]["file_name"] == "images/000001.png"


def test_a_dry_run_prints_the_size_of_the_job_and_writes_nothing(run: Run, tmp_path: Path) -> None:
    done = run("generate", "-n", 10**9, "-s", 300, "--dry-run")
    facts = json.loads(run("generate", "-n", 1000, "-s", 300, "--dry-run", "--json").stdout)

    assert done.returncode == 0
    assert "270,388,000,000,000 bytes" in done.stdout
    assert facts["bytes"] == 270_388_000
    assert facts["shards"] == 40
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_counts_existing_images(make: Callable[..., Done], run: Run) -> None:
    make("-n", 10, "-s", 8)

    assert "10 images" in run("generate", "-n", 10, "-s", 8, "--dry-run").stdout
    assert (
        json.loads(run("generate", "-n", 10, "-s", 8, "--dry-run", "--json").stdout)["existing"]
        == 10
    )
    assert run("generate", "-n", 9, "-s", 8, "--dry-run").returncode == 3
    larger = json.loads(run("generate", "-n", 11, "-s", 8, "--dry-run", "--json").stdout)
    assert (larger["count"], larger["existing"]) == (11, 10)


def test_a_recipe_or_a_plan_makes_the_same_dataset_again(
    make: Callable[..., Done], run: Run, tmp_path: Path
) -> None:
    (tmp_path / "recipe.toml").write_text(
        'count = 4\nsize = "20x10"\nfamily = "gaussian:sigma=20"\ncolor = "tr"\nseed = 7\n'
    )
    make("--recipe", "recipe.toml", "-o", "one")
    make("--recipe", "one/pixelgen.json", "-o", "two")
    make("-n", 4, "-s", "20x10", "--noise", "gaussian:sigma=20", "--color", "none", "--seed", 7,
         "-o", "three")  # fmt: skip
    make("--recipe", "recipe.toml", "-n", 2, "-o", "four")
    (tmp_path / "typo.toml").write_text("cuont = 4\n")
    typo = run("generate", "--recipe", "typo.toml")

    assert len({tree_digest(tmp_path / name) for name in ("one", "two", "three")}) == 1
    assert len(list((tmp_path / "four/images").iterdir())) == 2
    assert typo.returncode == 2
    assert "'cuont'" in typo.stderr
    assert "'count'" in typo.stderr


def test_one_number_is_width_and_height(run: Run) -> None:
    for options in (["--width", 12], ["--height", 12], ["-s", 12], ["--width", 12, "--height", 12]):
        assert "12x12" in run("generate", "--dry-run", *options).stdout
    assert "12x7" in run("generate", "--dry-run", "--width", 12, "--height", 7).stdout


def test_a_random_seed_is_drawn_and_recorded(make: Callable[..., Done], tmp_path: Path) -> None:
    seeds = set()
    for number in range(2):
        make("-n", 1, "-s", 8, "--seed", "random", "-o", f"set{number}")
        plan = json.loads((tmp_path / f"set{number}/pixelgen.json").read_text())
        seeds.add(plan["job"]["seed"])
    make("--recipe", "set0/pixelgen.json", "-o", "again")

    assert len(seeds) == 2
    assert tree_digest(tmp_path / "set0") == tree_digest(tmp_path / "again")


def test_a_color_hidden_by_density_1_causes_a_warning(make: Callable[..., Done]) -> None:
    done = make("-n", 1, "-s", 8, "--color", "red", "--density", 1)

    assert "density" in done.stderr
    assert "color" in done.stderr


@pytest.mark.parametrize("kind", ["families", "formats", "layouts", "engines"])
def test_list_prints_components_with_their_parameters(run: Run, kind: str) -> None:
    text = run("list", kind).stdout
    listed = json.loads(run("list", kind, "--json").stdout)

    for part in listed:
        assert part["name"] in text
        assert part["summary"] in text
        for parameter in part["parameters"]:
            assert parameter["about"] in text


def test_list_prints_what_each_preset_is_for_and_what_was_measured(run: Run) -> None:
    text = run("list", "presets").stdout
    listed = json.loads(run("list", "presets", "--json").stdout)

    assert {"default", "classic", "lwn"} <= {preset["name"] for preset in listed}
    for preset in listed:
        for key in ("about", "purpose", "origin", "false_positives"):
            assert preset[key] in text
        assert all(f"  {member}" in text for member in preset["members"])


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("pixelgen ge", "generate"),
        ("pixelgen generate --fam", "--family"),
        ("pixelgen generate --family ga", "gaussian"),
        ("pixelgen generate -f web", "webp"),
        ("pixelgen generate --layout we", "webdataset"),
        ("pixelgen generate --layout files,yo", "files,yolo"),
        ("pixelgen generate --engine lo", "local"),
        ("pixelgen list fo", "formats"),
    ],
)
def test_the_shell_completes_commands_options_and_components(
    run: Run, words: str, offered: str
) -> None:
    done = run(
        _PIXELGEN_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(len(words.split()) - 1)
    )
    script = run(_PIXELGEN_COMPLETE="bash_source")

    assert f"plain,{offered}" in done.stdout
    assert "complete" in script.stdout


def test_no_progress_bar_is_drawn_without_a_terminal(make: Callable[..., Done]) -> None:
    done = make("-n", 3000, "-s", 64, "-j", 1)

    assert "\r" not in done.stderr
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.cli
@pytest.mark.slow
@pytest.mark.parametrize(
    ("around", "drawn"), [({}, True), ({"TERM": "dumb"}, False), ({"CI": "1"}, False)]
)
def test_a_progress_bar_is_drawn_on_a_terminal(
    tmp_path: Path, around: dict[str, str], drawn: bool
) -> None:
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k != "CI"} | {"TERM": "xterm"} | around
    process = subprocess.Popen(
        [COMMAND, "generate", "-n", "6000", "-s", "128"],
        cwd=tmp_path, stderr=child, stdout=subprocess.DEVNULL, env=environment,
    )  # fmt: skip
    os.close(child)
    seen = b""
    try:
        while piece := os.read(parent, 1 << 16):
            seen += piece
    except OSError:
        pass  # the terminal is closed at the other end
    assert process.wait() == 0
    assert (b"img/s" in seen) is drawn


def test_verbose_prints_how_the_work_is_split(make: Callable[..., Done]) -> None:
    assert "2 workers" in make("-n", 1, "-s", 8, "-v", "-j", 2).stderr


def test_no_arguments_show_the_help(run: Run) -> None:
    done = run()
    assert "Commands:" in done.stderr
    assert done.returncode == 2


@pytest.mark.cli
def test_the_module_runs_as_the_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pixelgen", "--version"], check=True, capture_output=True, text=True
    )
    assert done.stdout == f"pixelgen {__version__}\n"


@pytest.mark.slow
def test_memory_does_not_grow_with_the_count(tmp_path: Path) -> None:
    peaks = []
    for count in (1000, 30_000):
        pid = os.fork()
        if pid == 0:
            os.chdir(tmp_path)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.execv(COMMAND, [COMMAND, *f"generate -n {count} -s 2 -q -o {count} -j 1".split()])  # noqa: S606
        _, status, usage = os.wait4(pid, 0)
        assert status == 0
        peaks.append(usage.ru_maxrss)

    assert peaks[1] < peaks[0] * 1.1


def test_a_summary_is_appended_in_markdown(tmp_path: Path, run: Run) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    job = ("-n", 30, "-s", 16, "--layout", "webdataset:per_shard=10", "--summary", summary, "-q")
    assert run("generate", *job).returncode == 0
    assert run("generate", *job).returncode == 0
    assert run("generate", *job, "--partition", "2/3", "-o", "other").returncode == 0
    text = summary.read_text()
    assert text.startswith("before\n### pixelgen: 30 images\n\n| | |\n|-|-|\n")
    assert "| where | `negatives/metadata.jsonl` |" in text
    assert "| created | 30 images" in text
    assert "| existing | 30 images |" in text
    assert "| where | `other, partition 2/3` |" in text
    assert text.count("### ") == 3


def test_a_summary_that_cannot_be_written_is_refused_before_the_work(
    tmp_path: Path, run: Run
) -> None:
    done = run("generate", "-n", 3, "--summary", tmp_path / "none" / "file")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert not (tmp_path / "negatives").exists()


@pytest.mark.cli
def test_no_cluster_is_imported_unless_asked_for(tmp_path: Path) -> None:
    code = (
        "import sys, pixelgen.cli\n"
        "assert pixelgen.cli.main(['generate', '-n', '300', '-j', '2', '-q']) == 0\n"
        "print({'dask', 'distributed', 'fsspec'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stdout.splitlines()[-1] == "set()"


def test_a_user_without_a_home_has_no_key_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: int) -> None:
        raise KeyError

    for name in ("HOME", "XDG_CONFIG_HOME", "PIXLAB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)

    assert own_key_file() is None
    assert main(("generate", "-n", "1", "-s", "8", "--remote", "-o", "nowhere")) == 2


def test_an_interrupted_run_with_a_random_seed_is_resumed_by_the_same_command(
    make: Callable[..., Done], run: Run, tmp_path: Path
) -> None:
    command = ("-n", 3, "-s", 8, "--seed", "random", "-o", "set")
    make(*command)
    whole = tree_digest(tmp_path / "set")
    (tmp_path / "set/metadata.jsonl").unlink()
    (tmp_path / "set/.pixelgen.journal").touch()  # as an interrupted run leaves it
    make(*command)
    assert tree_digest(tmp_path / "set") == whole
    assert "nothing to do" in make(*command).stderr
    make(*command, "--force")
    assert tree_digest(tmp_path / "set") != whole
    refused = run("generate", "-n", 3, "--seed", "random", "--partition", "1/2", "-o", "parts")
    assert refused.returncode == 2
    assert "--seed random" in refused.stderr
    assert "--partition" in refused.stderr
