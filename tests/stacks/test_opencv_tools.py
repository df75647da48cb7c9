"""OpenCV's cascade tools train with the list of background images, run where the list is."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.stacks.conftest import printed
from tests.support.command import Done

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]

PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
FEW = "-numPos 40 -numNeg 100 -numStages 2 -featureType LBP"


def need(*tools: str) -> None:
    for tool in tools:
        if shutil.which(tool, path=PATH) is None:
            pytest.skip(f"{tool} is not installed")


def shell(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command], check=False, capture_output=True, text=True,
        env=os.environ | {"PATH": PATH},
    )  # fmt: skip


def positives(side: int, backgrounds: str = "bg.txt") -> None:
    """Make positives.vec of one picture over the backgrounds, in the set's directory."""
    picture = np.full((40, 40), 230, np.uint8)
    picture[8:32, 8:32] = 20
    picture[16:24, 16:24] = 230
    Image.fromarray(picture).save("negatives/positive.png")
    done = shell(
        f"cd negatives && opencv_createsamples -img positive.png -bg {backgrounds}"
        f" -vec positives.vec -num 60 -w {side} -h {side}"
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert Path("negatives/positives.vec").stat().st_size == 12 + 60 * (1 + 2 * side * side)


def test_a_cascade_is_trained_by_the_printed_command(make: Callable[..., Done]) -> None:
    need("opencv_createsamples", "opencv_traincascade")
    done = make("-n", 20, "-s", "64x48", "--for", "opencv", "--family", "default")
    positives(24)
    Path("negatives/cascade").mkdir()
    trained = shell(f"{printed(done, 'cd ')} {FEW}")

    assert trained.returncode == 0, trained.stdout + trained.stderr
    assert Path("negatives/cascade/cascade.xml").is_file(), trained.stdout + trained.stderr


@pytest.mark.parametrize("kind", ["jpeg", "bmp", "ppm"])  # tiff and webp hang on how it was built
def test_every_format_that_it_always_reads_will_do(make: Callable[..., Done], kind: str) -> None:
    need("opencv_createsamples", "opencv_traincascade")
    options = "--family", "default", "-f", kind
    done = make("-n", 20, "-s", "64x48", "--for", "opencv", *options)
    positives(24)
    Path("negatives/cascade").mkdir()
    trained = shell(f"{printed(done, 'cd ')} {FEW}")

    assert Path("negatives/cascade/cascade.xml").is_file(), trained.stdout + trained.stderr


def test_the_printed_command_needs_no_folder_made_before(make: Callable[..., Done]) -> None:
    need("opencv_createsamples", "opencv_traincascade")
    done = make("-n", 20, "-s", "64x48", "--for", "opencv", "--family", "default")
    positives(24)
    trained = shell(f"{printed(done, 'cd ')} {FEW}")

    assert Path("negatives/cascade/cascade.xml").is_file(), trained.stdout + trained.stderr


def test_a_cascade_is_trained_on_the_backgrounds_of_a_split(make: Callable[..., Done]) -> None:
    need("opencv_createsamples", "opencv_traincascade")
    split = "train=0.8,val=0.2"
    done = make("-n", 20, "-s", "64x48", "--for", "opencv", "--family", "default", "--split", split)
    positives(24, "bg-trainset.txt")
    Path("negatives/cascade").mkdir()
    trained = shell(f"{printed(done, 'cd ')} {FEW}")

    assert "-bg bg-trainset.txt" in printed(done, "cd ")
    assert Path("negatives/cascade/cascade.xml").is_file(), trained.stdout + trained.stderr


def test_a_cascade_of_20_pixels_is_trained_in_the_set_s_directory_and_nowhere_else(
    make: Callable[..., Done],
) -> None:
    need("opencv_createsamples", "opencv_traincascade")
    make("-n", 20, "-s", "64x48", "--layout", "opencv", "--family", "default")
    positives(20)
    for folder in "negatives/data", "elsewhere":
        Path(folder).mkdir()
    window = f"-w 20 -h 20 {FEW}"
    here = shell(
        f"cd negatives && opencv_traincascade -data data -vec positives.vec -bg bg.txt {window}"
    )
    elsewhere = shell(
        "opencv_traincascade -data elsewhere -vec negatives/positives.vec -bg negatives/bg.txt"
        f" {window}"
    )

    assert here.returncode == 0, here.stdout + here.stderr
    assert Path("negatives/data/cascade.xml").is_file(), here.stdout + here.stderr
    assert elsewhere.returncode == 0  # though it has failed: only the missing file tells
    assert "can not be filled" in elsewhere.stdout + elsewhere.stderr
    assert not Path("elsewhere/cascade.xml").exists()


def test_a_line_for_each_image_opens_it(make: Callable[..., Done]) -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    make("-n", 20, "-s", "64x48", "--layout", "opencv")
    lines = Path("negatives/bg.txt").read_text().splitlines()
    shapes = [cv2.imread(f"negatives/{line}", cv2.IMREAD_GRAYSCALE).shape for line in lines]

    assert shapes == [(48, 64)] * 20
