"""Print one closing line, as pytest does, for several of its runs: ``closing_line.py LOG…``.

The exit code is 1 unless every log ends with a closing line and no test failed.
"""

import re
import sys
from collections import Counter
from pathlib import Path

CLOSING = re.compile(r"=+ (?P<counts>\d+ .+) in (?P<seconds>[\d.]+)s.* =+")
ORDER = ("failed", "passed", "skipped", "xfailed", "error")


def main(logs: list[Path]) -> int:
    """Add up what the logs say and print it."""
    total: Counter[str] = Counter()
    seconds = 0.0
    for log in logs:
        *_, last = ["", *log.read_text(errors="replace").splitlines()]
        if closing := CLOSING.fullmatch(last):
            seconds += float(closing["seconds"])
            for count, outcome in re.findall(r"(\d+) (\w+)", closing["counts"]):
                total["error" if outcome == "errors" else outcome] += int(count)
        else:  # pytest did not come to its end
            total["error"] += 1
    del total["deselected"]  # the tests that one run leaves out are in another
    counts = ", ".join(f"{total[outcome]} {outcome}" for outcome in ORDER if total[outcome])
    sys.stdout.write(f" {counts} in {seconds:.2f}s ".center(80, "=") + "\n")
    return 1 if total["failed"] or total["error"] else 0


if __name__ == "__main__":
    sys.exit(main([Path(argument) for argument in sys.argv[1:]]))
