"""The same pixels by every numpy and on every processor: fresh interpreters draw the catalogue."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.fingerprints import PROMISED

ROOT = Path(__file__).parents[1]
OLDEST = "1.26.0"
LINES = [f"{found} {spelling}" for spelling, found in PROMISED.items()]

FEATURES = (
    "import numpy as np; u = (getattr(np, '_core', None) or np.core)._multiarray_umath;"
    "print(*[f for f in u.__cpu_dispatch__ if u.__cpu_features__[f]])"
)


def drawn(*options: str, **environment: str) -> list[str]:
    """Return the fingerprints that a fresh interpreter draws."""
    done = subprocess.run(
        [sys.executable, *options, "-m", "tests.fingerprints"],
        check=True, capture_output=True, text=True, cwd=ROOT, env=os.environ | environment,
    )  # fmt: skip
    return done.stdout.splitlines()


def features() -> list[str]:
    """Return what numpy would use of this processor beyond the least that it needs."""
    return subprocess.check_output([sys.executable, "-c", FEATURES], text=True).split()


def kernels() -> list[str]:
    """Return the kernels of OpenBLAS that this processor can run, besides its own."""
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    wanted = {"Prescott": "pni", "Nehalem": "sse4_2", "Sandybridge": "avx", "Haswell": "avx2",
              "SkylakeX": "avx512vl"}  # fmt: skip
    return [kernel for kernel, flag in wanted.items() if f" {flag} " in flags]


@pytest.mark.cli
@pytest.mark.slow
def test_the_pixels_are_those_of_a_processor_without_vectors() -> None:
    disabled = " ".join(features())
    if not disabled:
        pytest.skip("numpy uses nothing of this processor that could be turned off")
    assert drawn(NPY_DISABLE_CPU_FEATURES=disabled) == LINES


@pytest.mark.cli
@pytest.mark.slow
@pytest.mark.parametrize("kernel", kernels())
def test_the_pixels_are_those_of_every_kernel_of_openblas(kernel: str) -> None:
    multiply = "import numpy as np; np.ones((512, 512)) @ np.ones((512, 512))"
    bare = subprocess.run(
        [sys.executable, "-c", multiply],
        check=False,
        env=os.environ | {"OPENBLAS_CORETYPE": kernel},
    )
    if bare.returncode < 0:
        pytest.skip(f"the kernel crashes by itself: signal {-bare.returncode}")
    assert drawn(OPENBLAS_CORETYPE=kernel) == LINES


@pytest.mark.cli
@pytest.mark.slow
def test_the_pixels_are_those_of_many_threads() -> None:
    assert drawn(OPENBLAS_NUM_THREADS="4") == LINES


@pytest.mark.heavy
def test_the_pixels_are_those_of_the_oldest_numpy(tmp_path: Path) -> None:
    if sys.version_info >= (3, 13):
        pytest.skip(f"numpy {OLDEST} is not made for this Python")
    if np.__version__.startswith("1.26."):
        pytest.skip("the oldest numpy is the one that all tests use here")
    target = tmp_path / "old"
    installed = subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--only-binary=:all:",
         "--target", target, f"numpy=={OLDEST}"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if installed.returncode:
        pytest.skip(f"numpy {OLDEST} cannot be installed: {installed.stderr.strip()[-200:]}")
    version = subprocess.check_output(
        [sys.executable, "-c", "import numpy; print(numpy.__version__)"],
        env=os.environ | {"PYTHONPATH": str(target)}, text=True,
    )  # fmt: skip

    assert version.strip() == OLDEST
    assert drawn(PYTHONPATH=str(target)) == LINES
    assert drawn(PYTHONPATH=str(target), OPENBLAS_CORETYPE="Haswell") == LINES
