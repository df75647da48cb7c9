"""A cluster that has no worker until there is work: ``python -m tests.support.dask_adaptive FILE``.

It writes its scheduler's address to the file, and ends when its standard input does.
"""

import json
import sys
from pathlib import Path


def main() -> None:
    from distributed import LocalCluster

    file = Path(sys.argv[1])
    options = {"n_workers": 0, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**options) as made:  # type: ignore[no-untyped-call]
        made.adapt(minimum=0, maximum=4)
        part = file.with_suffix(".part")
        part.write_text(json.dumps({"address": made.scheduler_address}))
        part.rename(file)
        sys.stdin.read()


if __name__ == "__main__":
    main()
