"""Measure WebDataset shards against webdataset's own writer: ``python -m tests.bench.webdataset``.

Run it from the root of the repository, by the Python of an environment with pixelgen[test]. A ratio
is the wall time of a side over that of ``pixelgen generate --layout webdataset`` in the same round,
start-up included; a round makes one after the other, each in a fresh directory of the disk that
``--scratch`` names, with everything synced before. ``ShardWriter`` gets the pixels that pixelgen
draws and encodes them as it does, or gets them encoded by pixelgen; ``os.write`` writes as many
bytes into as many files.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.durability import spread
from tests.bench.measure import timed
from tests.bench.rows import PIXELGEN

_PEERS = Path(__file__).with_name("peers")
SIDES = {
    "ShardWriter, pixels": ("shardwriter.py", "{n}", "{size}", "{out}", "pixels"),
    "ShardWriter, encoded": ("shardwriter.py", "{n}", "{size}", "{out}", "encoded"),
    "os.write": ("raw_bytes.py", "{ours}", "{out}"),
}


def main() -> None:
    parser = argparse.ArgumentParser("python -m tests.bench.webdataset", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="images (default: 100,000)")
    parser.add_argument("--size", type=int, default=32, help="sides in pixels (default: 32)")
    parser.add_argument("--jobs", type=int, default=1, help="pixelgen's workers (default: 1)")
    parser.add_argument("--rounds", type=int, default=5, help="(default: 5)")
    parser.add_argument("--scratch", type=Path, help="where to write (default: the system's place)")
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for row in report(options):
        sys.stdout.write(f"{row}\n")


def report(options: argparse.Namespace) -> Iterator[str]:
    """Yield a row for each side."""
    rounds = [race(options) for _ in range(options.rounds)]
    yield f"{'time over pixelgen (min..max)':<32}{options.count} images, -j {options.jobs}"
    for side in SIDES:
        yield f"{side:<32}{spread([one[side] / one['pixelgen'] for one in rounds])}"


def race(options: argparse.Namespace) -> dict[str, float]:
    """Make the shards by each side in turn; return the seconds that each took."""
    with tempfile.TemporaryDirectory(dir=options.scratch) as ours:
        command = [PIXELGEN, "generate", "-q", "-n", str(options.count), "-s", str(options.size)]
        command += ["-j", str(options.jobs), "--layout", "webdataset", "-o", f"{ours}/set"]
        command += ["--durability", "none"]
        os.sync()
        seconds = {"pixelgen": timed(command, Path(os.devnull)).wall}
        words = {"n": options.count, "size": options.size, "ours": f"{ours}/set"}
        for side, (script, *arguments) in SIDES.items():
            with tempfile.TemporaryDirectory(dir=options.scratch) as out:
                os.sync()
                told = [word.format(out=out, **words) for word in arguments]
                argv = [sys.executable, str(_PEERS / script), *told]
                seconds[side] = timed(argv, Path(os.devnull)).wall
    return seconds


if __name__ == "__main__":
    main()
