"""XML files of images in dlib."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.loaders.conftest import COUNT, HEIGHT, SHARES, SPLIT, WIDTH, Sets

dlib: Any = pytest.importorskip("dlib", reason="dlib is not installed")
NAMES = {"dlib.xml": (COUNT, ())} | {
    f"dlib-{split}set.xml": (share, SPLIT) for split, share in SHARES.items()
}


@pytest.mark.parametrize("name", NAMES)
def test_dlib_finds_every_image_beside_the_xml_and_no_box(sets: Sets, name: str) -> None:
    count, options = NAMES[name]
    root = sets("files", *options).root
    images = dlib.image_dataset_metadata.load_image_dataset_metadata(str(root / name)).images

    assert len({image.filename for image in images}) == count
    for image in images:
        assert len(image.boxes) == 0
        assert dlib.load_rgb_image(str(root / image.filename)).shape == (HEIGHT, WIDTH, 3)


def training() -> Any:
    options = dlib.simple_object_detector_training_options()
    options.detection_window_size = 1600
    options.num_threads = 1
    options.C = 10
    return options


@pytest.mark.cli
def test_dlib_trains_on_one_image_with_a_box_and_a_set(sets: Sets, tmp_path: Path) -> None:
    made = sets("files,dlib", "-s", "128")
    copy = made.copy(tmp_path)
    scene = np.full((128, 128, 3), 90, np.uint8)
    scene[32:96, 32:96] = 200
    scene[48:80, 48:80] = 20
    dlib.save_image(scene, str(copy / "scene.png"))
    boxed = "<image file='scene.png'><box top='32' left='32' width='64' height='64'/></image>"
    text = (copy / "dlib.xml").read_text().replace("<images>", f"<images>{boxed}")
    (copy / "mixed.xml").write_text(text)
    dlib.train_simple_object_detector(
        str(copy / "mixed.xml"), str(copy / "detector.svm"), training()
    )
    detect = dlib.simple_object_detector(str(copy / "detector.svm"))

    assert len(detect(scene)) == 1
    assert [len(detect(image)) for image in made.job] == [0] * COUNT


def test_dlib_does_not_train_on_a_set_alone(sets: Sets, tmp_path: Path) -> None:
    xml = str(sets("files").root / "dlib.xml")
    with pytest.raises(RuntimeError, match="does not have any labeled object boxes"):
        dlib.train_simple_object_detector(xml, str(tmp_path / "none.svm"), training())
