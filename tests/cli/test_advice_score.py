"""Advice of ``score``: about options, and about models that are fed wrongly."""

from pathlib import Path

import pytest
from PIL import Image

from tests.support.advice import Console, follows_advice

INVERTED = """
def score(images):
    return 1 - images.mean(axis=(1, 2, 3)) / 255
"""


@pytest.fixture
def dark(console: Console) -> str:
    """Write a function that takes dark images for objects; return a command that uses it."""
    Path("dark_images.py").write_text(INVERTED)
    return "score --model dark_images:score --family solid -n 9 -s 8 -j 1"


@follows_advice(
    "--threshold … needs images of your objects; give --positives DIR",
    "invalid --threshold …: must be a number of 0 … 1, or tpr95",
    "invalid --count …: must be at least 1, to score images",
    "invalid --input-size …: must be like 640x640, or 640",
    "pixelgen: … of … of … fool the model, a share of …: more than --max-rate …",
)
def test_an_option_of_score_is_given_as_its_message_says(dark: str, console: Console) -> None:
    Path("objects").mkdir()
    Image.new("RGB", (9, 9)).save("objects/1.png")
    console.run(f"{dark} --threshold tpr95", 2)
    console.run(f"{dark} --threshold tpr95 --positives objects")
    console.run(f"{dark} --threshold high", 2)
    console.run(f"{dark} --threshold 0.5")
    console.run(f"{dark} --input-size big", 2)
    console.run(f"{dark} -n 0", 2)
    console.run(f"{dark} -n 1")
    console.run(f"{dark} --max-rate 0", 3)
    console.run(f"{dark} --max-rate 1")


@follows_advice(
    "the median score of … images in … is …, below …: the model does not find its objects there;"
    " check how images are fed to it (--input-size, --mean, --std, --scale, --bgr, --letterbox,"
    " --layout-in) and read (--score, --output, --positive), or give a lower --threshold",
)
def test_a_model_that_is_fed_wrongly_is_noticed(dark: str, console: Console) -> None:
    Path("objects").mkdir()
    Image.new("RGB", (9, 9), (200,) * 3).save("objects/1.png")
    console.run(f"{dark} --positives objects", 2)
    console.run(f"{dark} --positives objects --threshold 0.2")
