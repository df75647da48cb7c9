"""A dataset, and every command that may meet one of another version."""

import hashlib
from pathlib import Path
from typing import Any

from pixelgen.dataset.run_config import RunConfig
from pixelgen.engines import Serial

SERIAL = RunConfig(Serial())
JOB: dict[str, Any] = {"count": 12, "width": 9, "height": 7, "color": "red", "layout": "files,coco"}
GENERATE = (
    "-n",
    "12",
    "-s",
    "9x7",
    "--color",
    "red",
    "--layout",
    "files,coco",
    "-q",
    "-j",
    "1",
    "-o",
    "set",
)
COMMANDS: dict[str, tuple[str, ...]] = {
    "generate": ("generate", *GENERATE),
    "another job": ("generate", *GENERATE, "--seed", "5"),
    "more sidecars": ("generate", *GENERATE, "--layout", "files,coco,csv"),
    "force": ("generate", *GENERATE, "--seed", "5", "--force"),
    "dry run": ("generate", *GENERATE, "--dry-run"),
    "partition": ("generate", *GENERATE, "--partition", "1/2"),
    "repair": ("repair", "set", "-q", "-j", "1"),
    "deep repair": ("repair", "set", "-q", "--deep", "-j", "1"),
    "finish": ("finish", "set", "-q"),
    "gather": ("finish", "gathered", "set", "-q"),
    "index": ("index", "set", "--layout", "csv", "-q"),
    "verify": ("verify", "set", "-q", "-j", "1"),
    "deep verify": ("verify", "set", "-q", "--deep", "-j", "1"),
    "status": ("status", "set"),
    "preview": ("preview", "set", "-o", "sheet.png"),
}


def contents(root: Path) -> dict[str, str]:
    """Return the SHA-256 of each file below a folder, but for locks and temporary files."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and not path.name.endswith((".lock", ".part"))
    }
