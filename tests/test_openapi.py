"""The description of the endpoint, held against the endpoint by requests made of it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_serve import serving

SCHEMATHESIS = shutil.which("schemathesis", path=str(Path(sys.executable).parent))

# Not those that want every odd value refused and every fine one taken: PixLab's readers are
# lenient, and no schema says what a color or a seed is, or how many pixels are too many.
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance",
    "response_headers_conformance", "response_schema_conformance", "unsupported_method",
)  # fmt: skip


def test_requests_made_of_the_description_are_answered_as_it_says(tmp_path: Path) -> None:
    if SCHEMATHESIS is None:
        pytest.skip("schemathesis is not installed")
    with serving(tmp_path, "-q", "--max-pixels", "250000") as server:
        url = f"http://127.0.0.1:{server.port}"
        done = subprocess.run(
            [SCHEMATHESIS, "run", f"{url}/openapi.json", "--url", url, "--seed", "6",
             "-H", "WWW-Authenticate: any", "--checks", ",".join(CHECKS), "--max-examples", "110",
             "--phases", "examples,coverage,fuzzing", "--continue-on-failure", "--no-color"],
            check=False, cwd=tmp_path, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert server.get(width=5).status == 200

    assert done.returncode == 0, done.stdout
    (cases,) = re.findall(r"(\d[\d,]*) generated", done.stdout)
    assert int(cases.replace(",", "")) >= 500
