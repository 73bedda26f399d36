"""The `docker` client: runs it and turns what it complains about into sentences."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from dsw.errors import EngineFailed, Unavailable

ANSWER_TIMEOUT = 60
PULL_ANSWER_TIMEOUT = 15
LAST_LINES = 15


class ImageMissing(EngineFailed):
    """The engine has no such image and could not pull it."""


def docker(*arguments: str) -> str:
    """What a quick client command printed; `Unavailable` or `EngineFailed` when it fails."""
    try:
        done = subprocess.run(
            ["docker", *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=ANSWER_TIMEOUT,
            check=False,
        )
    except FileNotFoundError as error:
        raise _no_client() from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(
            f"The container engine did not answer within {ANSWER_TIMEOUT} seconds.",
            "See whether `docker version` answers, and the engine's log if it does not.",
        ) from error
    if done.returncode:
        raise explain(done.stderr)
    return done.stdout.strip()


def image_fields(reference: str, *templates: str) -> list[str] | None:
    """Fields of a local image by Go templates (`{{.Id}}`); None when there is no such image."""
    try:
        said = docker("image", "inspect", "--format", "\n".join(templates), reference)
    except ImageMissing:
        return None
    return [*said.split("\n"), *[""] * len(templates)][: len(templates)]


def image_id(reference: str) -> str | None:
    """The content id of a local image; None when there is none."""
    fields = image_fields(reference, "{{.Id}}")
    return None if fields is None else fields[0]


def pull(reference: str) -> None:
    """Pull an image; `ImageMissing` when no registry gives it or none answers in time."""
    with _start(["docker", "pull", reference], stderr=subprocess.STDOUT) as process:
        try:
            # The registry's answer is the first line; what follows may take its time.
            said, _ = process.communicate(timeout=PULL_ANSWER_TIMEOUT)
        except subprocess.TimeoutExpired as expired:
            so_far = expired.stdout or b""
            if b"Pulling from" not in so_far:
                process.kill()
                raise ImageMissing(
                    f"The image {reference} is not here, and its registry did not answer within "
                    f"{PULL_ANSWER_TIMEOUT} seconds."
                ) from expired
            said, _ = process.communicate()
    if process.returncode:
        reason = said.decode(errors="replace").strip().splitlines()[-1:]
        raise ImageMissing(f"The image {reference} cannot be pulled: {' '.join(reason)}")


def stream(
    arguments: Sequence[str], log: Path, on_line: Callable[[str], None], environment: dict[str, str]
) -> None:
    """Run a long client command; every line goes to the log and to `on_line`."""
    with (
        log.open("w", encoding="utf-8") as output,
        _start(["docker", *arguments], subprocess.STDOUT, environment) as process,
    ):
        for raw in process.stdout or ():
            line = raw.decode(errors="replace")
            output.write(line)
            on_line(line)
    if process.returncode:
        said = log.read_text("utf-8")
        last = "\n".join(said.splitlines()[-LAST_LINES:])
        raise EngineFailed(f"{explain(said).sentence}\n\n{last}\n", f"The whole output: {log}")


def explain(said: str) -> EngineFailed | Unavailable:
    """The error that the client's words stand for."""
    lowered = said.lower()
    if "permission denied" in lowered and "daemon socket" in lowered:
        return Unavailable(
            "This user may not use the container engine.",
            "Run this as root, or add the user to the group `docker` and log in again.",
        )
    if "cannot connect to the docker daemon" in lowered or "error during connect" in lowered:
        return Unavailable(
            "The container engine does not answer.",
            "Start it, or set DOCKER_HOST to one that runs.",
        )
    if "no space left on device" in lowered:
        return EngineFailed(
            "The disk is full.", "`docker system df` shows what the engine holds; make room."
        )
    if "certificate_verify_failed" in lowered:
        return EngineFailed(
            "A download within the build met a certificate of a CA that is not trusted there.",
            "Name the CA's file with --ca-file.",
        )
    last = (said.strip().splitlines() or ["it gave no reason"])[-1]
    if "no such image" in lowered or "manifest unknown" in lowered:
        return ImageMissing(f"The container engine refused: {last}")
    return EngineFailed(f"The container engine refused: {last}")


def _start(
    command: list[str], stderr: int, environment: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env={**os.environ, **(environment or {})},
        )
    except FileNotFoundError as error:
        raise _no_client() from error


def _no_client() -> Unavailable:
    return Unavailable(
        "The program `docker` is not installed.",
        "Install the distribution's `docker.io`, or Docker's own packages.",
    )
