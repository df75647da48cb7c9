"""The errors of pixelgen, and the exit code of the command for each.

A message is one line: what is wrong, with the value; what is allowed; what to do.
"""


def shell_path(path: str) -> str:
    """Quote a path for a command in a message, so that a shell reads it as one word.

    >>> print(shell_path("data"), shell_path("my data"), shell_path("-data"))
    data 'my data' ./-data
    """
    import shlex

    return shlex.quote(f"./{path}" if path.startswith("-") else path)


class PixelgenError(Exception):
    """Work failed or is incomplete; running the same command again is safe."""

    exit_code = 1


class BadValue(PixelgenError, ValueError):
    """An option, a parameter or a job is invalid. Nothing was changed."""

    exit_code = 2


class Conflict(PixelgenError):
    """The directory holds files that do not belong to this job. None of them was changed."""

    exit_code = 3


class AnotherJob(Conflict):
    """The directory holds the dataset of another job. Nothing of it was changed."""


class Refused(PixelgenError):
    """The remote endpoint refused the request, or returned something else."""

    exit_code = 4


class Busy(PixelgenError):
    """Another process is writing to the directory."""

    exit_code = 5
