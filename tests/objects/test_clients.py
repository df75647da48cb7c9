"""Which failures of a store are repeated, and which are told at once."""

import pytest

from pixelgen.store.clients import is_refusal


class Answered(OSError):
    """What a client raises of an answer, with its status as the client of Azure has it."""

    def __init__(self, status_code: int) -> None:
        super().__init__("answered")
        self.status_code = status_code


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
def test_a_refusal_is_told_at_once(status: int) -> None:
    assert is_refusal(Answered(status))
    assert is_refusal(PermissionError("denied"))


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_what_passes_is_tried_again(status: int) -> None:
    assert not is_refusal(Answered(status))
    assert not is_refusal(ConnectionResetError("gone"))
