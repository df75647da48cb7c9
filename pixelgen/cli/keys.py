"""Keys: where one may lie, so that nobody else reads it."""

import os
import stat
import sys
from pathlib import Path

from pixelgen.errors import BadValue, shell_path

_LIMIT = 4096  # bytes; a key is shorter


def read_key(path: str) -> str:
    """Return the key in a file that none but its owner can read; ``-`` is standard input."""
    try:
        if path == "-":
            text = sys.stdin.buffer.read(_LIMIT)
        else:
            with Path(path).open("rb") as file:
                if os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                    raise BadValue(
                        f"others can read the key in {path}; run: chmod 600 {shell_path(path)}"
                    )
                text = file.read(_LIMIT)
        key = text.decode().strip()
    except OSError as error:
        raise BadValue(f"cannot read the key in {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadValue(f"the key in {path} must be text") from None
    if not key:
        raise BadValue(f"the file {path} holds no key; write the key into it")
    return key


def own_key_file() -> Path | None:
    """Return the path of the key in the user's configuration; None for a user without a home.

    https://specifications.freedesktop.org/basedir-spec/
    """
    configured = os.environ.get("XDG_CONFIG_HOME")
    try:
        folder = Path(configured) if configured else Path("~/.config").expanduser()
    except RuntimeError:  # HOME is not set, and the system does not know the user
        return None
    return folder / "pixelgen" / "key"
