"""The command as users run it, and the digest of what it wrote."""

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Protocol

ROOT = Path(__file__).parents[2]
"""The folder of the project."""

COMMAND = str(Path(sys.executable).with_name("pixelgen"))
# Tells a command's CPU seconds and peak in KiB in a last line of stdout. Run by a small
# interpreter of its own, since a process begins with the peak of the one it left.
MEASURED = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"\\n{used.ru_utime + used.ru_stime} {used.ru_maxrss}", end="")
sys.exit(code)
"""
Done = subprocess.CompletedProcess[str]


class Run(Protocol):
    """Run the command in a process of its own."""

    def __call__(self, *arguments: object, **environment: str) -> Done: ...


def tree_digest(root: Path) -> str:
    """Return one SHA-256 of the names and contents of all files below a folder."""
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if not path.is_dir():
            digest.update(f"{path.relative_to(root)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
