"""What an S3 store refuses, in words: its codes, and what each asks of whoever runs it."""

from __future__ import annotations

import email.utils
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from watcher.model.errors import StoreAwayError
from watcher.stores.xml import XmlError, parse

# A code of Amazon's list of error responses, or of another store: what the store does, and the remedy.
_WORDS = {
    "InvalidAccessKeyId": ("does not know the access key", "look at access_key_file"),
    "SignatureDoesNotMatch": (
        "refuses the signature: the secret key is not that of the access key",
        "look at secret_key_file",
    ),
    "AllAccessDisabled": ("has disabled the bucket", "ask whoever runs the store"),
    "UserSuspended": ("has suspended whoever has the key", "ask whoever runs the store"),
    "AccountProblem": ("says that the account has a problem", "ask whoever runs the store"),
    "InvalidObjectState": ("has the object in an archive from which it cannot be read at once", "restore it there"),
    "NoSuchBucket": ("has no such bucket", "make the bucket, or look at bucket"),
    "InvalidBucketName": ("refuses the bucket's name", "look at bucket"),
    "KeyTooLongError": ("does not take such a long name", "use a shorter prefix"),
    "QuotaExceeded": ("is full: the quota is used up", "raise the quota, or remove something"),
    "XMinioStorageFull": ("is full", "give it more disks, or remove something"),
    "XMinioAdminBucketQuotaExceeded": ("is full: the quota is used up", "raise the quota, or remove something"),
    "InsufficientStorage": ("is full", "give it more disks, or remove something"),
    "EntityTooLarge": ("does not take so large an object", "ask whoever runs the store"),
    "BadDigest": ("got other bytes than were sent", "look at the network"),
    "XAmzContentSHA256Mismatch": ("got other bytes than were sent", "look at the network"),
    "SlowDown": ("asks to be asked less often", "wait"),
    "ServiceUnavailable": ("cannot answer now", "wait"),
    "InternalError": ("has an error of its own", "look at its log"),
    "ConditionalRequestConflict": ("writes the same object for somebody else", "wait"),
    "OperationAborted": ("does something else with the bucket", "wait"),
}  # fmt: skip
_STATUSES = {  # where no code is told
    403: "AccessDenied",
    413: "EntityTooLarge",
    429: "SlowDown",
    500: "InternalError",
    502: "ServiceUnavailable",
    503: "ServiceUnavailable",
    504: "ServiceUnavailable",
    507: "InsufficientStorage",
}
_DOES = {
    "ListBucket": "list the bucket",
    "GetObject": "read an object",
    "PutObject": "write an object",
    "DeleteObject": "remove an object",
}
_SKEWED = {"RequestTimeTooSkewed", "RequestExpired"}
_REGION = {
    "AuthorizationHeaderMalformed",
    "PermanentRedirect",
    "TemporaryRedirect",
    "IllegalLocationConstraintException",
}
_CODE_MOST = 60  # characters of a code that are told


def code_of(body: bytes) -> str:
    """The code of an error's document, in letters and digits; "" where it has none."""
    try:
        root = parse(body)
    except XmlError:
        return ""
    return re.sub(r"[^A-Za-z0-9]", "", root.get("Code"))[:_CODE_MOST] if root.name == "Error" else ""


def refusal(
    store: str, region: str, right: str, status: int, headers: Mapping[str, str], body: bytes
) -> StoreAwayError:
    """The sentence for an answer that is not what was asked for, by a right; only its code is passed on of it."""
    own = code_of(body)
    code = own or _STATUSES.get(status, "")
    name = f"the store {store}"
    if code in _SKEWED:
        apart = skew(headers)
        seconds = f"{abs(apart):,.0f} seconds" if apart is not None else "minutes"
        words = f"has another time: its clock and this machine's are {seconds} apart"
        return StoreAwayError(f"{name} {words}", store_code=code, remedy="let NTP set both")
    if (
        code in _REGION
        or (status in {301, 307, 308} and not own)
        or (status == 400 and "x-amz-bucket-region" in headers)
    ):
        other = _region(headers, body)
        where = f"lies in the region {other}" if other else "lies in another region or at another address"
        remedy = f'set region = "{other}"' if other else "look at region and endpoint"
        return StoreAwayError(
            f"the bucket of {name} {where}, not in {region}", store_code=code or "PermanentRedirect", remedy=remedy
        )
    if code == "AccessDenied":
        words = f"does not allow this key to {_DOES[right]} (403)"
        return StoreAwayError(f"{name} {words}", store_code=code, remedy=f"give the key the right s3:{right}")
    if code in _WORDS:
        words, remedy = _WORDS[code]
        return StoreAwayError(f"{name} {words}", store_code=code, remedy=remedy)
    what = f"{status} {code}".rstrip()
    if own:
        return StoreAwayError(f"{name} refuses: {what}", store_code=code)
    return StoreAwayError(f"{name} answers {what}, and not as S3 does", remedy="look at endpoint: is it a store's?")


def skew(headers: Mapping[str, str]) -> float | None:
    """Seconds by which the clock of whoever answered is ahead of ours; None where it tells none."""
    try:
        theirs = email.utils.parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError, OverflowError):
        return None
    if theirs.tzinfo is None:
        theirs = theirs.replace(tzinfo=UTC)
    return (theirs - datetime.now(UTC)).total_seconds()


def _region(headers: Mapping[str, str], body: bytes) -> str:
    """The region that an answer names."""
    try:
        named = parse(body).get("Region")
    except XmlError:
        named = ""
    return re.sub(r"[^A-Za-z0-9_-]", "", headers.get("x-amz-bucket-region") or named)[:_CODE_MOST]
