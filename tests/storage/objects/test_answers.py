"""Which failures of a store are repeated, which are refusals, and what is to be done about them."""

import pytest

from pixelgen.storage.object_errors import describe_error, is_permanent, suggest_fix


class Answered(OSError):
    """What a client raises of an answer, with its status as the client of Azure has it."""

    def __init__(self, status_code: int, error_code: str | None = None) -> None:
        super().__init__("answered")
        self.status_code = status_code
        self.error_code = error_code


class RefreshError(Exception):
    """What Google's library raises of credentials that it cannot renew, by its name."""


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 501])
def test_a_refusal_is_reported_at_once(status: int) -> None:
    assert is_permanent(Answered(status))
    assert is_permanent(PermissionError("denied"))


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_what_passes_is_tried_again(status: int) -> None:
    assert not is_permanent(Answered(status))
    assert not is_permanent(ConnectionResetError("gone"))


@pytest.mark.parametrize(
    "error",
    [
        Answered(403, "AuthenticationFailed"),
        Answered(401),
        RefreshError("invalid_grant: the token has expired"),
    ],
)
def test_credentials_that_are_not_valid_are_to_be_renewed(error: Exception) -> None:
    assert is_permanent(error)
    assert "credentials" in suggest_fix(error)


@pytest.mark.parametrize("error", [OSError("Forbidden: a/b\nno"), ValueError("Bad Request: a/b")])
def test_a_message_of_gcsfs_without_a_code_is_a_refusal(error: Exception) -> None:
    assert is_permanent(error)
    assert "\n" not in describe_error(error)


def test_a_reason_is_reported_without_its_number() -> None:
    assert describe_error(OSError(22, "Bad Request")) == "Bad Request"
    assert describe_error(ConnectionResetError("cut")) == "cut"
