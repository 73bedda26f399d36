"""The border to Docker's client: behind it there are only errors with a sentence for people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from docker.errors import APIError, DockerException, NotFound
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from dsw.errors import EngineFailed


class NoSuchObject(EngineFailed):
    """The engine has no such container, image or network."""


@contextmanager
def engine_errors(doing: str) -> Iterator[None]:
    """Turn what Docker's client raises into `NoSuchObject` or `EngineFailed`."""
    try:
        yield
    except NotFound as error:
        raise NoSuchObject(f"The engine failed at {doing}: {_said(error)}.") from error
    except APIError as error:
        raise EngineFailed(f"The engine failed at {doing}: {_said(error)}.") from error
    except (DockerException, RequestException, HTTPError) as error:
        raise EngineFailed(
            f"The container engine does not answer ({doing}).",
            "An administrator has to see that it runs.",
        ) from error


def _said(error: APIError) -> str:
    said = error.explanation or str(error)
    if isinstance(said, bytes):
        said = said.decode(errors="replace")
    return for_people(said)


def for_people(said: str) -> str:
    """The engine's words without what a registry answered: whoever names a host in a catalog could
    read with them what services beside the engine answer to it."""
    return said.partition(" response body")[0].strip().rstrip(".")
