"""What an object store answers to the smallest question: is it there, does it take the credentials,
and has it the bucket? One signed request for at most one key."""

from __future__ import annotations

import hashlib
import hmac
import re
import ssl
from datetime import UTC, datetime
from urllib.parse import quote, urlencode, urlsplit

import httpx

from dsw.mounts import MountReason
from dsw.node_mounts import ObjectStore
from dsw_agent.mounting.refusals import MountRefused

TIMEOUT = httpx.Timeout(4.0, connect=3.0)
REGION = "us-east-1"
"""What rclone signs with where no region is given."""
_EMPTY = hashlib.sha256(b"").hexdigest()
_CODE = re.compile(r"<Code>([A-Za-z]{1,60})</Code>")
_CREDENTIALS = frozenset(
    {"InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "InvalidToken", "ExpiredToken"}
)


def probe(store: ObjectStore, timeout: httpx.Timeout = TIMEOUT) -> None:
    """Return when the store would list the bucket; `MountRefused` says why it does not."""
    url, headers = _request(store, datetime.now(UTC))
    try:
        with httpx.Client(timeout=timeout) as client:
            answer = client.get(url, headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _unreachable(store, _words(error)) from None
    if not answer.is_success:
        raise _refusal(store, answer.status_code, answer.text)


def _request(store: ObjectStore, now: datetime) -> tuple[str, dict[str, str]]:
    """The URL that lists one key, and the headers that sign it (AWS Signature Version 4)."""
    base = urlsplit(store.endpoint if "://" in store.endpoint else f"https://{store.endpoint}")
    host = base.netloc if store.path_style else f"{store.bucket}.{base.netloc}"
    path = f"/{store.bucket}" if store.path_style else "/"
    query = urlencode({"max-keys": "1", "prefix": _folder(store.prefix)}, quote_via=quote, safe="")
    url = f"{base.scheme}://{host}{path}?{query}"
    if not store.access_key_id:
        return url, {}
    headers = {
        "host": host,
        "x-amz-content-sha256": _EMPTY,
        "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ"),
    }
    signed = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = "\n".join(("GET", path, query, lines, signed, _EMPTY))
    scope = f"{now:%Y%m%d}/{store.region or REGION}/s3/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join(("AWS4-HMAC-SHA256", headers["x-amz-date"], scope, digest))
    signature = hmac.new(_key(store.secret, scope), text.encode(), hashlib.sha256).hexdigest()
    credential = f"{store.access_key_id}/{scope}"
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={signed}, Signature={signature}"
    )
    return url, headers


def _key(secret: str, scope: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def _folder(prefix: str) -> str:
    return f"{prefix.strip('/')}/" if prefix.strip("/") else ""


def _refusal(store: ObjectStore, status: int, text: str) -> MountRefused:
    found = _CODE.search(text)
    code = found[1] if found else f"status {status}"
    if code in _CREDENTIALS or status == httpx.codes.UNAUTHORIZED:
        return MountRefused(
            MountReason.REFUSED,
            f"The object store at {_host(store)} does not take the credentials for the bucket "
            f"{store.bucket} ({code}).",
            "Check the access key, its secret and what they may read.",
        )
    if code == "NoSuchBucket" or status == httpx.codes.NOT_FOUND:
        return MountRefused(
            MountReason.SOURCE_GONE, f"There is no bucket {store.bucket} at {_host(store)}."
        )
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return _unreachable(store, f"it answers with {code}")
    return MountRefused(
        MountReason.REFUSED,
        f"The object store at {_host(store)} refuses to list the bucket {store.bucket} ({code}).",
        "Check the endpoint, the region and the clock of the node.",
    )


def _unreachable(store: ObjectStore, words: str) -> MountRefused:
    return MountRefused(
        MountReason.SOURCE_UNREACHABLE,
        f"The object store at {_host(store)} cannot be reached: {words}.",
    )


def _host(store: ObjectStore) -> str:
    return urlsplit(store.endpoint).netloc or store.endpoint


def _words(error: Exception) -> str:
    """What is wrong on the way, without the URL."""
    if isinstance(error, httpx.TimeoutException):
        return "it does not answer in time"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({cause.verify_message})"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
        cause = cause.__cause__ or cause.__context__
    return "the connection broke"
