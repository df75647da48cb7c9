"""Absurd numbers, as options, in recipes and for previews."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.command import MEASURED, Run

pytestmark = pytest.mark.faults


# Runs one command line after the other, as one start for each would take the most of the time, and
# prints of each: exit code, stdout, stderr, seconds of this process so far.
EACH = """
import json, os, sys, time, traceback
from pixelgen.cli import main
lines, output = json.load(sys.stdin), os.fdopen(os.dup(1), "w")
for line in lines:
    for stream in (1, 2):
        os.dup2(os.open(f"../{stream}", os.O_RDWR | os.O_CREAT | os.O_TRUNC), stream)
    try:
        code = main(line)
    except Exception:
        code = traceback.print_exc()
    sys.stdout.flush(), sys.stderr.flush()
    said = [open(f"../{stream}", errors="replace").read() for stream in (1, 2)]
    print(json.dumps([code, *said, time.process_time()]), file=output)
"""


# Seconds of a processor, of which a refusal takes hundredths; a number that is counted up to, or a
# power that is worked out, takes more.
COUNTED = 20


@dataclass(frozen=True)
class Result:
    code: int | None
    out: str
    err: str
    seconds: float


def each(folder: Path, lines: list[list[str]]) -> Iterator[Result]:
    """Run command lines in one process, which must stay small; yield what came of each."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, sys.executable, "-c", EACH],
        check=False, capture_output=True, text=True, cwd=folder, timeout=120,
        input=json.dumps(lines),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-500:]
    *output, used = done.stdout.strip().splitlines()
    assert float(used.split()[1]) < 100_000
    before = 0.0
    for line in filter(None, output):
        code, out, err, now = json.loads(line)
        yield Result(code, out, err, now - before)
        before = now


LONG = "9" * 5000
LONG_HEX = "0x" + "f" * 5000

NUMBERS: list[tuple[int, str, list[str]]] = [
    *((2, "-n", [v]) for v in ("-1", "1e9", str(2**63), "nan", "inf", "1e400", "", " ", "0x10",
                               "-2147483649", "1.5", LONG, "1_0_", "0b1", "∞", "½", "1\n2")),
    *((0, "-n", [v]) for v in ("0", "１", "+5", "-0", "007", " 5 ", "1_000", str(2**31))),
    *((2, "-s", [v]) for v in ("0", "-1", "1e9", str(2**31), "nan", " ", "0x10x0", "5x", "x5",
                               "5x5x5", "1000000000", LONG, "-0x-0", "5,5")),
    *((0, "-s", [v]) for v in ("１x１", " 5 ", "5X5", "007")),
    *((2, "--width", [v]) for v in ("nan", "1e400", str(2**63), "", "1e3", LONG)),
    *((2, "--height", [v]) for v in ("0", "-1", str(2**31), "inf", LONG, "0x10")),
    *((2, "--density", [v, "--color", "red"]) for v in ("-1", "inf", "-inf", "1e400", "", " ",
                                                        "0x1", "1.0000001", "1e3", LONG)),
    *((0, "--density", [v, "--color", "red"]) for v in ("-0", "1e-400", "１", "+1", "0." + LONG)),
    *((2, "--seed", [v]) for v in ("-1", "1e3", "", " ", "nan", "0x", "+5", "1_0", "１",
                                   str(2**128), LONG, LONG_HEX)),
    *((0, "--seed", [v]) for v in (str(2**128 - 1), "0X1F", "00", " 7 ")),
    *((2, "-j", [v]) for v in ("-1", "1e9", "nan", "", "0x10", LONG)),
    *((2, "--depth", [v]) for v in ("0", "-1", "12", "nan", "", "１６", LONG)),
    *((2, "--family", [v]) for v in ("gaussian:sigma=nan", "gaussian:sigma=-1",
                                     "gaussian:sigma=inf",
                                     "gaussian:sigma=1e400", "gaussian:sigma=", "checker:cell=0",
                                     "checker:cell=1e3", f"checker:cell={LONG}", "perlin:res=-0",
                                     f"checker:cell={LONG_HEX}", "stripes:n=1.5", "uniform=0",
                                     "uniform=nan", "uniform=-1", "uniform=inf", "uniform=1e400",
                                     "uniform=", "gaussian:sigma=5..nan", "gaussian:sigma=9..5",
                                     "gaussian:sigma=..", "gaussian:sigma=1|", "checker:cell=½",
                                     f"gaussian:sigma={LONG}", "fractal:points=1e9")),
    *((0, "--family", [v]) for v in ("checker:cell=0x10", "checker:cell=１", "gaussian:sigma=+5",
                                     "gaussian:sigma=-0", "gaussian:sigma=1e3",
                                     "checker:cell= 5 ")),
    *((2, "-f", [v]) for v in ("jpeg:quality=0", "jpeg:quality=101", "jpeg:quality=nan",
                               "jpeg:quality=1e1", f"jpeg:quality={LONG}", "png:compression=-0",
                               "png:compression=", "webp:method=7", "avif:speed=inf")),
    (0, "--layout", ["tar:per_shard=0"]),
    *((2, "--layout", [v]) for v in ("tar:per_shard=-1", "tar:per_shard=1e9", "tar:per_shard=nan",
                                     f"tar:per_shard={LONG_HEX}")),
]  # fmt: skip


def shown(value: object) -> str:
    """The name of a case: short, and of plain characters."""
    return ascii(value)[:36] if isinstance(value, str | list) else str(value)


OPTIONS = list(dict.fromkeys(option for _, option, _ in NUMBERS))


@pytest.mark.parametrize("option", OPTIONS)
def test_absurd_numbers_are_accepted_or_refused_quickly_in_one_line(
    tmp_path: Path, option: str
) -> None:
    cases = [(code, values) for code, name, values in NUMBERS if name == option]
    size = [] if option in ("-s", "--width", "--height") else ["-s", "8"]
    (tmp_path / "here").mkdir()
    lines = [["generate", "--dry-run", *size, option, *values] for _, values in cases]
    results = list(each(tmp_path / "here", lines))

    assert [*(tmp_path / "here").iterdir()] == []
    assert len(results) == len(cases)
    wrong = [
        (shown(values), one.code, one.err[:150])
        for (code, values), one in zip(cases, results, strict=True)
        if one.code != code or not is_one_clear_line(one) or one.seconds > COUNTED
    ]
    assert wrong == []


def is_one_clear_line(one: Result) -> bool:
    """Tell whether there is a result, or a line on stderr that names what is wrong."""
    if one.code == 0:
        return bool(one.out) and (not one.err or one.err.startswith("note: "))
    is_one = len(one.err.splitlines()) == 1 and not one.out and "Traceback" not in one.err
    return is_one and "is not a family, or a list of them" not in one.err


RECIPES = {
    "a.toml": [
        "count = nan", "count = inf", "count = -1", "count = 1e400", "count = 9223372036854775808",
        f"count = {LONG}", f"count = {LONG_HEX}", "count = 0x10000000000000000", "count = true",
        'count = "\\u0000"', 'count = "5\\u0000"', 'size = "8\\u0000"', "count = []", "count = 5.0",
        'seed = "\\u0000"', f"seed = {LONG_HEX}", "seed = -1", "seed = 1.5", "width = 0.5",
        'color = "red"\ndensity = nan', 'color = "red"\ndensity = inf', "depth = 8.5",
        'family = "gaussian:sigma=\\u0000"', 'family = "\\u0000"',
        'format = "jpeg:quality=\\u0000"',
        f"width = {LONG_HEX}", f"depth = {LONG_HEX}", "count = 1979-05-27", "size = inf",
    ],
    "a.json": [
        '{"job": {"count": NaN}}', '{"job": {"count": Infinity}}', '{"job": {"count": 1e400}}',
        '{"job": {"count": -1}}', '{"job": {"count": null, "width": null}}',
        '{"job": {"seed": 1e3}}',
        f'{{"job": {{"count": {LONG}}}}}', '{"job": {"density": NaN, "color": "red"}}',
        '{"job": {"count": "\\u0000"}}', '{"job": [1]}', '{"job": {"": 1}}', "5", '{"job": 5}',
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", RECIPES)
def test_absurd_numbers_in_a_recipe_are_refused_in_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "here").mkdir()
    for number, text in enumerate(RECIPES[name]):
        (tmp_path / f"{number}{name}").write_text(text)
    lines = [
        ["generate", "--dry-run", "--recipe", f"../{number}{name}"]
        for number in range(len(RECIPES[name]))
    ]
    results = list(each(tmp_path / "here", lines))

    wrong = [
        (shown(text), one.code, (one.out + one.err)[:150])
        for text, one in zip(RECIPES[name], results, strict=True)
        if one.code != 2 or one.seconds > COUNTED or not is_one_clear_line(one)
    ]
    assert wrong == []


def test_absurd_numbers_for_a_preview_are_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    cases = [["-n", "0"], ["-n", "1001"], ["-n", "1e9"], ["--columns", "0"], ["--columns", "nan"],
             ["--columns", LONG], ["--tile", "7"], ["--tile", "1025"], ["--tile", "nan"],
             ["--seed", "-1"], ["-s", "1000000000"]]  # fmt: skip
    results = each(tmp_path / "here", [["preview", *case, "-o", "sheet.png"] for case in cases])
    wrong = [
        (shown(case), one.code, one.err[:150])
        for case, one in zip(cases, results, strict=True)
        if one.code != 2 or one.seconds > COUNTED or not is_one_clear_line(one)
    ]
    assert wrong == []
    assert [*(tmp_path / "here").iterdir()] == []


def test_too_many_shards_are_refused_before_anything_is_written(run: Run, tmp_path: Path) -> None:
    done = run("generate", "-n", 2**53, "-s", 8, "--layout", "tar:per_shard=1", "-o", "set")

    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "9,007,199,254,740,992" in done.stderr
    assert not (tmp_path / "set").exists()
