"""Advice of ``score``: about options, and about models that are fed wrongly."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.advice import Console, follows_advice
from tests.support.onnx_models import REASON, SIDE, Affine, write_model

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
    "there are no images to score: their number must be at least 1; give a greater --count, or"
    " another dataset",
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


def try_options(console: Console, *cases: tuple[str, str, str]) -> None:
    """Run each model with options that are refused, and with those that the message advises."""
    for model, wrong, right in cases:
        command = f"score --model {model} --family uniform -n 3 -s 8 -j 1"
        console.run(f"{command} {wrong}", 2)
        console.run(f"{command} {right}")


TWO_CLASSES = {"y": Affine([2, 0], [1, -1])}


@follows_advice(
    "--bgr cannot be used with the model …: its input is gray; omit it",
    "--input-size …x… does not fit the model …: must be …x…; omit it",
    "--scale, --mean and --std of the model … must be finite numbers, scale and standard deviation"
    " not 0; correct them",
    "input of the model … is …, of any width and height; give --input-size WxH, as it was trained"
    " with",
    "input of the model … is …, with … channels as …: must be 3 or 1; choose the order of the axes"
    " with --layout-in",
    "input of the model … is …: which axis is of the channels is unknown; give --layout-in nchw or"
    " nhwc",
    "input size …x… does not fit the model …: width and height must be multiples of …, its stride;"
    " choose them with --input-size",
)
def test_a_model_is_fed_as_messages_say(console: Console) -> None:
    for module in ("onnx", "onnxruntime"):
        pytest.importorskip(module, reason=REASON)
    write_model(Path("gray"), {"y": Affine([2, 0])}, shape=("N", 1, SIDE, SIDE))
    write_model(Path("fixed"), TWO_CLASSES)
    write_model(Path("any"), TWO_CLASSES, shape=("N", 3, "h", None), metadata={"stride": "32"})
    write_model(Path("vague"), TWO_CLASSES, shape=("N", "a", "b", "c"))
    try_options(
        console,
        ("gray", "--bgr", ""),
        ("fixed", "--input-size 16", ""),
        ("fixed", "--scale 0", "--scale 1"),
        ("any", "", "--input-size 32"),
        ("any", "--input-size 40", "--input-size 64x32"),
        ("fixed", "--layout-in nhwc", "--layout-in nchw"),
        ("vague", "--input-size 8", "--input-size 8 --layout-in nchw"),
    )


@follows_advice(
    "model … has no class …… choose one of … with --positive",
    "model … has no output …; choose one of … with --output",
    "model … has the names of … classes in its metadata, but its output has …; export it again, or"
    " choose another --output",
    "output … of the model … is …: … must be …; choose another --score (…) or --output (…)",
    "unknown score kind …; choose one of … with --score",
    "output … of the model … is of a DETR, and whether its last column is of no object is unknown;"
    " give --score detr (DETR, YOLOS, Table Transformer) or --score detr-sigmoid (any other), or"
    " copy its config.json beside it",
    "what the model … returns is unknown (…); choose one of … with --score, and an output with"
    " --output if there are several",
)
def test_a_model_is_read_as_messages_say(console: Console) -> None:
    for module in ("onnx", "onnxruntime"):
        pytest.importorskip(module, reason=REASON)
    write_model(Path("plain"), TWO_CLASSES)
    boxes = {"two": Affine(np.full((6, 9), 0.5)), "three": Affine(np.full((7, 9), 0.5))}
    write_model(Path("named"), boxes, metadata={"task": "detect", "names": "['a', 'b', 'c']"})
    detr = {"logits": Affine(np.zeros((5, 3))), "pred_boxes": Affine(np.zeros((5, 4)))}
    write_model(Path("detr"), detr)
    write_model(Path("odd"), {"o": Affine(np.zeros((2, 3, 4, 5))), "y": Affine([0.2, 0.1])})
    try_options(
        console,
        ("plain", "--positive bird", "--positive 1"),
        ("plain", "--output nope", "--output y"),
        ("named", "--output two", "--output three"),
        ("plain", "--score heatmap", "--score softmax"),
        ("plain", "--score nope", "--score softmax"),
        ("odd", "", "--score softmax --output y"),
        ("detr", "", "--score detr"),
        ("detr", "", "--score detr-sigmoid"),
    )
    Path("config.json").write_text('{"id2label": {"0": "cat", "1": "dog"}}')
    console.run("score --model detr --family uniform -n 3 -s 8 -j 1")
