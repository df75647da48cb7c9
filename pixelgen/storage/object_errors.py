"""What object stores answer to requests that fail, whatever exception a client makes of it."""

from typing import NamedTuple

_TRANSIENT_STATUSES = (408, 429)  # of requests that came too late, or too often
_PERMANENT_STATUSES = (301, 501)  # another region's bucket; what the store cannot do
_TRANSIENT_CODES = {  # with a status that says otherwise
    "RequestTimeout", "IncompleteBody", "BadDigest", "XAmzContentSHA256Mismatch", "SlowDown",
    "OperationAborted", "ConditionalRequestConflict", "Throttling", "ThrottlingException",
    "ThrottledException", "RequestThrottled", "RequestThrottledException", "RequestLimitExceeded",
}  # fmt: skip
_TEXTS = {"Forbidden": 403, "Bad Request": 400}  # all that gcsfs says of these answers
_CLOCK_CODES = {"RequestTimeTooSkewed", "RequestInTheFuture"}
_CREDENTIAL_CODES = {
    "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken",
    "InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException", "RequestExpired",
    "AuthenticationFailed", "InvalidAuthenticationInfo", "ExpiredAuthenticationToken", "401",
}  # fmt: skip
# By name, because they are of packages that may not be there.
_CREDENTIAL_ERRORS = {
    "SSOTokenLoadError", "UnauthorizedSSOTokenError", "TokenRetrievalError", "LoginTokenLoadError",
    "LoginRefreshRequired", "RefreshError",
}  # fmt: skip
_REFUSALS = _CREDENTIAL_ERRORS | {
    "PermissionError", "NoCredentialsError", "PartialCredentialsError", "ProfileNotFound",
    "NoRegionError", "InvalidRegionError", "ParamValidationError", "ClientAuthenticationError",
    "DefaultCredentialsError",
}  # fmt: skip


class Answer(NamedTuple):
    """What a store answered: the HTTP status, and the store's name for the error or the status."""

    status: int = 0
    code: str = ""

    @classmethod
    def of(cls, error: BaseException) -> "Answer":
        """Return the answer that a client made an exception of."""
        response = getattr(error, "response", None)
        if isinstance(response, dict):  # botocore's, which s3fs keeps as the cause of its own
            status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            return cls(int(status), str(response.get("Error", {}).get("Code", "")))
        for name in ("status_code", "status", "code"):  # Azure's, aiohttp's, gcsfs's
            status = getattr(error, name, None)
            if isinstance(status, int) and status:
                code = getattr(error, "error_code", None) or status
                return cls(status, str(getattr(code, "value", code)))
        if error.__cause__:
            return cls.of(error.__cause__)
        status = _TEXTS.get(str(error).partition(":")[0], 0)
        return cls(status, str(status)) if status else cls()


def is_refusal(error: BaseException) -> bool:
    """Tell whether no repetition helps: by the answer's code or status, or the exception's name."""
    status, code = Answer.of(error)
    if code in _TRANSIENT_CODES:
        return False
    if status in _PERMANENT_STATUSES or code in _CREDENTIAL_CODES | _CLOCK_CODES:
        return True
    if 400 <= status < 500 and status not in _TRANSIENT_STATUSES:
        return True
    return _is_named(error, _REFUSALS)


def is_taken(error: BaseException) -> bool:
    """Tell whether there is an object where a put was to be the first."""
    taken = {"FileExistsError", "ResourceExistsError"}  # the latter of older clients of Azure
    return Answer.of(error).status == 412 or _is_named(error, taken)


def is_unconditional(error: BaseException) -> bool:
    """Tell whether a store may have refused a put for its condition, which it does not know."""
    status, code = Answer.of(error)
    others = _TRANSIENT_CODES | _CREDENTIAL_CODES | _CLOCK_CODES
    return status in (400, 501) and code not in others


def is_bare(error: BaseException) -> bool:
    """Tell whether an answer had no room for a reason, as one to a HEAD request."""
    return Answer.of(error).code.isdigit()


def reason(error: BaseException) -> str:
    """Return the first line of what a client says."""
    text = str(error).removeprefix(f"[Errno {getattr(error, 'errno', None)}] ")
    if not text and error.__cause__:
        return reason(error.__cause__)
    first, *_ = [*text.splitlines(), ""]
    return first.strip(" .")[:300] or type(error).__name__


def remedy(error: BaseException) -> str:
    """Return what to do about a refusal."""
    _, code = Answer.of(error)
    if code in _CLOCK_CODES:
        return "set the clock of this machine, then run the same command again"
    if code in _CREDENTIAL_CODES or _is_named(error, _CREDENTIAL_ERRORS):
        return "renew or correct the credentials, then run the same command again"
    return (
        "see that the bucket is there, that your credentials have not expired, and that they may"
        " read and write in it"
    )


def _is_named(error: BaseException, names: set[str]) -> bool:
    return not names.isdisjoint(kind.__name__ for kind in type(error).__mro__)
