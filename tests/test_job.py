"""The job as a value: read from text or values, checked once, spelled without loss."""

from typing import Any

import numpy as np
import pytest

from pixelgen.colors import Color
from pixelgen.errors import BadValue
from pixelgen.families.member import Member
from pixelgen.families.mixture import Mixture
from pixelgen.families.pointwise import Gaussian
from pixelgen.job import Job


def test_a_job_is_a_map_style_data_set() -> None:
    job = Job(count=5, width=4, height=3)

    assert len(job) == 5
    assert [image.shape for image in job] == [(3, 4, 3)] * 5
    with pytest.raises(IndexError):
        job[5]


def test_a_job_is_rebuilt_from_its_spelling() -> None:
    job = Job.parse(count=7, width="20", height=10, color="red", family="gaussian:sigma=3", seed=5)

    assert Job.parse(**job.to_dict()) == job
    assert hash(Job.parse(**job.to_dict())) == hash(job)
    assert Job.parse(**job.to_dict()).digest == job.digest
    assert None not in job.to_dict().values()


def test_text_and_values_mean_the_same() -> None:
    spelled = Job.parse(width=np.int64(9), color="red", family="gaussian:sigma=3", density=1)
    mix = Mixture((Member(Gaussian(sigma=3)),))
    made = Job(width=9, color=Color(255, 0, 0), family=mix, density=1.0)

    assert spelled == made
    assert spelled.digest == made.digest


@pytest.mark.parametrize(
    "changed",
    [{"count": 8}, {"seed": 1}, {"family": "gaussian"}, {"format": "bmp"}, {"checksum": "none"},
     {"color": "red"}, {"color": "red", "density": 0.4}, {"mode": "L"}, {"depth": 16},
     {"layout": "tar"}, {"width": 2}],
)  # fmt: skip
def test_whatever_decides_the_bytes_decides_the_digest(changed: dict[str, Any]) -> None:
    assert Job.parse(**changed).digest != Job().digest


@pytest.mark.parametrize(
    ("fields", "facts"),
    [
        ({"width": 2.5}, "width '2.5' whole"),
        ({"depth": 8.0}, "depth '8.0' whole"),
        ({"seed": 1.5}, "seed '1.5' whole"),
        ({"count": True}, "count 'True' whole"),
        ({"count": "many"}, "count 'many' whole"),
        ({"count": None}, "count 'None' whole"),
        ({"family": {}}, "family '{}'"),
        ({"family": 3}, "family '3'"),
        ({"format": b"png"}, "format png"),
        ({"layout": {"a": 1}}, "layout 'a'"),
        ({"color": (1, 2, 3)}, "color 1, 2, 3"),
        ({"color": "red", "density": "half"}, "density 'half' number"),
        ({"mode": 3}, "mode 3"),
        ({"widht": 3}, "'widht' 'width'"),
    ],
)
def test_a_field_of_another_kind_is_refused_by_name(fields: dict[str, Any], facts: str) -> None:
    with pytest.raises(BadValue) as caught:
        Job.parse(**fields)
    message = str(caught.value)
    assert [fact for fact in facts.split() if fact not in message] == [], message


def test_a_job_of_another_seed_is_the_one_that_would_be_parsed() -> None:
    job = Job.parse(count=3, width=5, height=4, family="perlin", color="red", seed=1)

    assert job.with_seed(7) == Job.parse(**job.to_dict() | {"seed": 7})
    assert job.image.seed == 1
    with pytest.raises(BadValue, match=r"seed -1.*0 to"):
        job.with_seed(-1)
