"""Metadata in a model and files beside it: names, and what is damaged."""

import json
from pathlib import Path
from typing import Any

import pytest

from pixelgen.errors import BadValue
from pixelgen.scoring.model_metadata import ModelMetadata, read_metadata


def read(folder: Path, **metadata: str) -> ModelMetadata:
    return read_metadata(str(folder / "best.onnx"), metadata)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{0: 'cat', 1: 'dog'}", ("cat", "dog")),
        ("['cat', 'dog']", ("cat", "dog")),
        ("{0: 'cat', 2: 'dog'}", ("cat", "1", "dog")),
    ],
)
def test_names_are_literals(text: str, names: tuple[str, ...], tmp_path: Path) -> None:
    assert read(tmp_path, names=text).names == names


def test_names_beside_the_model_are_of_hugging_face(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"id2label": {"1": "dog", "0": "cat"}}))
    found = read(tmp_path)
    assert (found.names, found.has_names) == (("cat", "dog"), False)
    found = read(tmp_path, names="['cow']")
    assert (found.names, found.has_names) == (("cow",), True)


def test_the_size_has_the_height_first(tmp_path: Path) -> None:
    assert read(tmp_path, imgsz="[480, 640]").size == (640, 480)
    assert read(tmp_path, imgsz="320").size == (320, 320)
    assert read(tmp_path, stride="[8, 16, 32]").stride == 32
    assert read(tmp_path).size is None


def test_a_task_of_others_is_unknown(tmp_path: Path) -> None:
    assert read(tmp_path, task="image-classification").task == ""
    assert read(tmp_path, task="segment").task == "segment"


GARBAGE = [
    "__import__('os').system('true')", "{0: 'cat'", "[-1.5]", "'x'", "{}",
    "(" * 5000, "[" * 100_000, "{10**12: 'x'}", "{1000000000000: 'x'}", "\0",
    "{'a': 'b'}", "{-1: 'x'}", "{(): 1}", "{[]: 1}", "'" + "x" * (1 << 20) + "'", "1e999", "{1, 2}",
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@pytest.mark.parametrize("key", ["names", "imgsz", "stride"])
@pytest.mark.parametrize("text", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_is_refused(text: str, key: str, tmp_path: Path) -> None:
    with pytest.raises(BadValue) as caught:
        read(tmp_path, **{key: text})
    message = str(caught.value)
    assert message.startswith(f"metadata '{key}' of the model ")
    assert message.endswith("; export the model again")
    assert "\n" not in message


@pytest.mark.parametrize("key", ["imgsz", "stride"])
@pytest.mark.parametrize("text", ["[-1, 640]", "[True, 640]", "[0]", "0", "-32", "[]", "1.5"])
def test_a_number_that_is_no_length_is_refused(text: str, key: str, tmp_path: Path) -> None:
    with pytest.raises(BadValue, match=f"metadata '{key}' of the model .* cannot be read: "):
        read(tmp_path, **{key: text})


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
@pytest.mark.parametrize("text", ["", "{", "[]", "1", "[" * 100_000, '{"a": "\ud800"}'])
def test_a_file_beside_the_model_that_is_damaged(text: str, name: str, tmp_path: Path) -> None:
    data = text.encode("utf-8", "surrogatepass")
    (tmp_path / name).write_bytes(data)
    with pytest.raises(BadValue, match="is not a JSON object; correct it, or move the model"):
        read(tmp_path)


@pytest.mark.parametrize(
    "values",
    [
        {"size": "large"},
        {"size": {"width": -1, "height": 4}},
        {"size": {"width": 4}},
        {"image_mean": "none"},
        {"image_mean": 3},
        {"image_mean": [1], "image_std": [0]},
        {"rescale_factor": "x"},
        {"rescale_factor": 0},
        {"image_mean": [float("nan")]},
        {"image_mean": [10**400]},
    ],
)
def test_values_of_the_image_processor_that_cannot_be_read(
    values: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(values))
    with pytest.raises(BadValue, match="a value that cannot be read; correct its size, image_m"):
        read(tmp_path)


def test_a_model_of_ultralytics_has_no_image_processor(tmp_path: Path) -> None:
    (tmp_path / "preprocessor_config.json").write_text("{")
    assert read(tmp_path, task="detect", names="['a']").processor is None


def test_files_without_what_is_sought_are_ignored(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"name": "of another program"}')
    (tmp_path / "preprocessor_config.json").write_text("{}")
    found = read(tmp_path)
    assert (found.names, found.processor) == ((), None)
