"""What can go wrong, and the exit code each case ends the command with.

A message is one line: what was wrong, where, and what to do instead.
"""


def shell_path(path: str) -> str:
    """Spell a path for a command in a message, so that a shell takes it as one word.

    >>> print(shell_path("set"), shell_path("my set"), shell_path("-set"))
    set 'my set' ./-set
    """
    import shlex

    return shlex.quote(f"./{path}" if path.startswith("-") else path)


class PixelgenError(Exception):
    """Work failed or is incomplete; running the same command again is safe."""

    exit_code = 1


class BadValue(PixelgenError, ValueError):
    """An option, parameter or job makes no sense: nothing was touched."""

    exit_code = 2


class Conflict(PixelgenError):
    """The directory holds something that is not this job's: nothing of it was touched."""

    exit_code = 3


class AnotherJob(Conflict):
    """The directory holds the dataset of another job: nothing of it was touched."""


class Refused(PixelgenError):
    """The remote endpoint refused, or gave something else than what it was asked for."""

    exit_code = 4


class Busy(PixelgenError):
    """Another process is writing to the directory."""

    exit_code = 5
