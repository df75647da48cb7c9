"""``python -m pixelgen`` is the ``pixelgen`` command."""

from pixelgen.cli import run

if __name__ == "__main__":
    run()
