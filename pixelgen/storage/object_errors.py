"""The error responses of object stores, whatever exception a client makes of them."""

from typing import NamedTuple

_TRANSIENT_STATUSES = (408, 429)  # request timeout, too many requests
_PERMANENT_STATUSES = (301, 501)  # the bucket of another region; not implemented
_TRANSIENT_CODES = {  # transient, although their status is not
    "RequestTimeout", "IncompleteBody", "BadDigest", "XAmzContentSHA256Mismatch", "SlowDown",
    "OperationAborted", "ConditionalRequestConflict", "Throttling", "ThrottlingException",
    "ThrottledException", "RequestThrottled", "RequestThrottledException", "RequestLimitExceeded",
}  # fmt: skip
_TEXTS = {"Forbidden": 403, "Bad Request": 400}  # all that gcsfs reports of these responses
_CLOCK_CODES = {"RequestTimeTooSkewed", "RequestInTheFuture"}
_CREDENTIAL_CODES = {
    "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken",
    "InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException", "RequestExpired",
    "AuthenticationFailed", "InvalidAuthenticationInfo", "ExpiredAuthenticationToken", "401",
}  # fmt: skip
# By name, because their packages may not be installed.
_CREDENTIAL_ERRORS = {
    "SSOTokenLoadError", "UnauthorizedSSOTokenError", "TokenRetrievalError", "LoginTokenLoadError",
    "LoginRefreshRequired", "RefreshError",
}  # fmt: skip
_PERMANENT_ERRORS = _CREDENTIAL_ERRORS | {
    "PermissionError", "NoCredentialsError", "PartialCredentialsError", "ProfileNotFound",
    "NoRegionError", "InvalidRegionError", "ParamValidationError", "ClientAuthenticationError",
    "DefaultCredentialsError",
}  # fmt: skip


class ErrorResponse(NamedTuple):
    """The HTTP status of a response, and the store's code for the error or the status as text."""

    status: int = 0
    code: str = ""

    @classmethod
    def of(cls, error: BaseException) -> "ErrorResponse":
        """Return the response that a client turned into an exception."""
        response = getattr(error, "response", None)
        if isinstance(response, dict):  # from botocore; s3fs keeps it as the cause
            status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            return cls(int(status), str(response.get("Error", {}).get("Code", "")))
        for name in ("status_code", "status", "code"):  # Azure, aiohttp, gcsfs
            status = getattr(error, name, None)
            if isinstance(status, int) and status:
                code = getattr(error, "error_code", None) or status
                return cls(status, str(getattr(code, "value", code)))
        if error.__cause__:
            return cls.of(error.__cause__)
        status = _TEXTS.get(str(error).partition(":")[0], 0)
        return cls(status, str(status)) if status else cls()


def is_permanent(error: BaseException) -> bool:
    """Return whether a retry cannot help: by code, status, or the exception's name."""
    status, code = ErrorResponse.of(error)
    if code in _TRANSIENT_CODES:
        return False
    if status in _PERMANENT_STATUSES or code in _CREDENTIAL_CODES | _CLOCK_CODES:
        return True
    if 400 <= status < 500 and status not in _TRANSIENT_STATUSES:
        return True
    return _is_named(error, _PERMANENT_ERRORS)


def is_already_there(error: BaseException) -> bool:
    """Return whether a create failed because the object exists."""
    taken = {"FileExistsError", "ResourceExistsError"}  # the latter from older Azure clients
    return ErrorResponse.of(error).status == 412 or _is_named(error, taken)


def rejects_condition(error: BaseException) -> bool:
    """Return whether a store may have refused a create because it does not know conditions."""
    status, code = ErrorResponse.of(error)
    others = _TRANSIENT_CODES | _CREDENTIAL_CODES | _CLOCK_CODES
    return status in (400, 501) and code not in others


def has_no_reason(error: BaseException) -> bool:
    """Return whether a response has a status only, like one to a HEAD request."""
    return ErrorResponse.of(error).code.isdigit()


def describe_error(error: BaseException) -> str:
    """Return the first line of an exception's message."""
    text = str(error).removeprefix(f"[Errno {getattr(error, 'errno', None)}] ")
    if not text and error.__cause__:
        return describe_error(error.__cause__)
    first, *_ = [*text.splitlines(), ""]
    return first.strip(" .")[:300] or type(error).__name__


def suggest_fix(error: BaseException) -> str:
    """Return what the user can do about a permanent error."""
    _, code = ErrorResponse.of(error)
    if code in _CLOCK_CODES:
        return "set the clock of this machine, then run the same command again"
    if code in _CREDENTIAL_CODES or _is_named(error, _CREDENTIAL_ERRORS):
        return "renew or correct the credentials, then run the same command again"
    return (
        "check that the bucket exists, that your credentials have not expired, and that they may"
        " read and write in it"
    )


def _is_named(error: BaseException, names: set[str]) -> bool:
    return not names.isdisjoint(kind.__name__ for kind in type(error).__mro__)
