"""The OpenAPI document, compared with the server by requests generated from it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pixelgen.pixlab.server.errors import HttpError
from pixelgen.pixlab.server.openapi import openapi_document
from pixelgen.pixlab.server.params import parse_job
from tests.support.serving import TIMEOUT, serving

SCHEMATHESIS = shutil.which("schemathesis", path=str(Path(sys.executable).parent))

# Those that want every odd value refused and every valid one accepted: PixLab is lenient,
# and no schema says what a color is, or how many pixels are too many.
EXCLUDED = ("negative_data_rejection", "positive_data_acceptance")
CONFIGURATION = """
[auth.openapi.header]
api_key = "geheim"
"""


@pytest.mark.cli
@pytest.mark.slow
def test_server_conforms_to_its_openapi_document(tmp_path: Path) -> None:
    if SCHEMATHESIS is None:
        pytest.skip("schemathesis is not installed")
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION)
    options = ("-q", "--max-pixels", "250000")
    with serving(tmp_path, *options, PIXELGEN_SERVE_KEY="geheim") as server:
        url = f"http://127.0.0.1:{server.port}"
        done = subprocess.run(
            [SCHEMATHESIS, "run", f"{url}/openapi.json", "--url", url, "--seed", "6",
             "--checks", "all", "--exclude-checks", ",".join(EXCLUDED), "--max-examples", "40",
             "--request-timeout", str(TIMEOUT), "--continue-on-failure", "--no-color"],
            check=False, cwd=tmp_path, capture_output=True, text=True, timeout=10 * TIMEOUT,
        )  # fmt: skip
        assert server.get(width=5, key="geheim").status == 200

    assert done.returncode == 0, done.stdout
    (cases,) = re.findall(r"(\d[\d,]*) generated", done.stdout)
    assert int(cases.replace(",", "")) >= 500


def documented_parameters() -> dict[str, dict[str, Any]]:
    """Return the schema of each parameter of pixelgenerate."""
    parameters = openapi_document()["paths"]["/pixelgenerate"]["get"]["parameters"]
    return {each["name"]: each["schema"] for each in parameters}


def is_accepted(**fields: object) -> bool:
    fields_as_text = {"width": "1"} | {name: str(value) for name, value in fields.items()}
    try:
        parse_job("/pixelgenerate", fields_as_text, max_pixels=1 << 24)
    except HttpError:
        return False
    return True


def test_every_example_and_enum_value_is_accepted() -> None:
    given = [
        (name, value)
        for name, schema in documented_parameters().items()
        for value in (*schema.get("examples", ()), *schema.get("enum", ()))
    ]

    assert {name for name, _ in given} == {"width", "height", "color", "export", "noise"}
    assert [(name, value) for name, value in given if not is_accepted(**{name: value})] == []


@pytest.mark.parametrize(
    ("name", "other", "step"),
    [("width", "height", 1), ("height", "width", 1), ("density", "width", 0.01)],
)
def test_documented_bounds_are_those_of_the_parser(name: str, other: str, step: float) -> None:
    low, high = documented_parameters()[name]["minimum"], documented_parameters()[name]["maximum"]

    for value, taken in ((low, True), (high, True), (low - step, False), (high + step, False)):
        assert is_accepted(**{name: value, other: 1}) is taken, value


@pytest.mark.parametrize("seed", ["0", "9" * 38, "0x" + "f" * 32, "0XAb"])
def test_seed_that_matches_the_pattern_is_accepted(seed: str) -> None:
    assert re.search(documented_parameters()["seed"]["pattern"], seed)
    assert is_accepted(seed=seed)


@pytest.mark.parametrize("seed", ["", "-1", "zz", "0x" + "f" * 33, "9" * 40, "1 2"])
def test_invalid_seed_does_not_match_the_pattern(seed: str) -> None:
    assert not re.search(documented_parameters()["seed"]["pattern"], seed)
