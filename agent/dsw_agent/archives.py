"""What the helper of an archive does: `python3 -m dsw_agent.archives`, one step and a result.

skopeo speaks to registries and writes what others read; it gets only what was looked through.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import traceback
from collections.abc import Callable
from pathlib import Path

import httpx

from dsw.archives import ARCHIVE, AUTH, RESULT, ArchiveRequest, ArchiveResult, ArchiveStep
from dsw_agent.oci_archive import IMAGE, BadArchive, look, opened, take_out

SOCKET = "/var/run/docker.sock"
CHUNK = 2**20
SAID = 400
"""Characters of skopeo's last line that people read."""


class StepFailed(Exception):
    """A step could not be done; a sentence for people."""


class Helper:
    """The steps, with the folders that they work in."""

    def __init__(
        self,
        work: Path = Path("/work"),
        request: Path = Path("/request"),
        incoming: Path = Path("/archive.tar"),
        socket: str = SOCKET,
    ) -> None:
        self._work, self._request = work, request
        self._incoming, self._socket = incoming, socket
        self._layout = work / "layout"
        self._saved, self._loads = work / "saved.tar", work / "load.tar"

    def run(self, asked: ArchiveRequest) -> ArchiveResult:
        """Do one step; what is left of an earlier try is taken away first."""
        steps: dict[ArchiveStep, Callable[[ArchiveRequest], ArchiveResult]] = {
            ArchiveStep.SAVE: self._save,
            ArchiveStep.PACK: self._pack,
            ArchiveStep.FETCH: self._fetch,
            ArchiveStep.UNPACK: self._unpack,
            ArchiveStep.PUSH: self._push,
            ArchiveStep.REPACK: self._repack,
            ArchiveStep.LOAD: self._load,
        }
        return steps[asked.step](asked)

    def _save(self, asked: ArchiveRequest) -> ArchiveResult:
        self._saved.unlink(missing_ok=True)
        with (
            self._engine() as http,
            http.stream("GET", f"/images/{asked.image}/get") as answer,
            self._saved.open("wb") as file,
        ):
            if answer.status_code != 200:
                raise StepFailed(
                    f"The engine does not give the image: it said {answer.status_code}."
                )
            for chunk in answer.iter_raw(CHUNK):
                file.write(chunk)
        return ArchiveResult()

    def _pack(self, asked: ArchiveRequest) -> ArchiveResult:
        self._copy(f"docker-archive:{self._saved}", self._out(asked), "--dest-compress-level=1")
        self._saved.unlink()
        return ArchiveResult()

    def _fetch(self, asked: ArchiveRequest) -> ArchiveResult:
        options = [f"--authfile={self._request / AUTH}"]
        options += ["--src-tls-verify=false"] if asked.insecure else []
        self._copy(f"docker://{asked.image}", self._out(asked), *options, platform=asked.platform)
        return ArchiveResult()

    def _out(self, asked: ArchiveRequest) -> str:
        (self._work / ARCHIVE).unlink(missing_ok=True)
        return f"oci-archive:{self._work / ARCHIVE}:{asked.name}"

    def _unpack(self, asked: ArchiveRequest) -> ArchiveResult:
        shutil.rmtree(self._layout, ignore_errors=True)
        with opened(self._incoming) as archive:
            found = look(archive, asked.platform, asked.limit)
            if found.manifest:
                take_out(archive, found, self._layout)
        if not found.manifest:
            self._copy(f"docker-archive:{self._incoming}", f"oci:{self._layout}:{IMAGE}")
        return ArchiveResult(config=found.config.decode(), unpacked=found.unpacked)

    def _push(self, asked: ArchiveRequest) -> ArchiveResult:
        digest = self._work / "digest"
        # Not every engine reads zstd, which an archive may have.
        options = [f"--digestfile={digest}", "--dest-compress-format=gzip"]
        options += [f"--authfile={self._request / AUTH}", "--dest-compress-level=1"]
        options += ["--dest-tls-verify=false"] if asked.insecure else []
        self._copy(f"oci:{self._layout}:{IMAGE}", f"docker://{asked.name}", *options)
        return ArchiveResult(digest=digest.read_text().strip())

    def _repack(self, asked: ArchiveRequest) -> ArchiveResult:
        self._loads.unlink(missing_ok=True)
        self._copy(f"oci:{self._layout}:{IMAGE}", f"docker-archive:{self._loads}:{asked.name}")
        return ArchiveResult()

    def _load(self, asked: ArchiveRequest) -> ArchiveResult:
        kind = {"Content-Type": "application/x-tar"}
        with self._engine() as http, self._loads.open("rb") as file:
            answer = http.post("/images/load", content=file, headers=kind)
        # An engine that fails while it loads still answers 200, with a line that has `error`.
        for line in answer.text.splitlines():
            if told := json.loads(line).get("error" if answer.is_success else "message"):
                raise StepFailed(f"The engine does not take the image: {_shown(str(told))}")
        return ArchiveResult()

    def _engine(self) -> httpx.Client:
        timeout = httpx.Timeout(600, connect=10, read=None)
        transport = httpx.HTTPTransport(uds=self._socket)
        return httpx.Client(base_url="http://engine", transport=transport, timeout=timeout)

    def _copy(self, source: str, target: str, *options: str, platform: str = "") -> None:
        scratch = self._work / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        os_name, _, architecture = platform.partition("/")
        words = ["skopeo", "--insecure-policy", f"--tmpdir={scratch}"]
        words += [f"--override-os={os_name}", f"--override-arch={architecture}"] if platform else []
        command = [*words, "copy", "--quiet", *options, source, target]
        home = {"HOME": str(scratch), "TMPDIR": str(scratch), "XDG_RUNTIME_DIR": str(scratch)}
        done = subprocess.run(
            command,
            env={**os.environ, **home},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        shutil.rmtree(scratch, ignore_errors=True)
        if done.returncode:
            sys.stderr.write(done.stderr)
            raise StepFailed(f"The image could not be copied: {_shown(_last_words(done.stderr))}")


def main() -> None:
    """Do what the request asks for; exit code 1 for a failure, whose sentence is in the result."""
    work, request = Path("/work"), Path("/request/request.json")
    result = attempt(Helper(), ArchiveRequest.model_validate_json(request.read_bytes()))
    aside = work / f".{RESULT}"
    aside.write_text(result.model_dump_json())
    aside.replace(work / RESULT)
    sys.exit(1 if result.error else 0)


def attempt(helper: Helper, asked: ArchiveRequest) -> ArchiveResult:
    """The step's result; what went wrong as its `error`."""
    try:
        return helper.run(asked)
    except (BadArchive, StepFailed) as error:
        return ArchiveResult(error=str(error))
    except tarfile.TarError:
        return ArchiveResult(error="The archive is not a whole one. Send it again.")
    except httpx.HTTPError as error:
        return ArchiveResult(error=f"The engine did not answer: {type(error).__name__}.")
    except OSError as error:
        return ArchiveResult(error=f"The disk failed: {error.strerror}.")
    except Exception as error:
        traceback.print_exc()
        return ArchiveResult(error=f"The helper failed unexpectedly: {type(error).__name__}.")


def _last_words(log: str) -> str:
    """The message of skopeo's last line, without its time and level."""
    lines = log.strip().splitlines() or ["it said nothing"]
    return lines[-1].partition(' msg="')[2].rstrip('"') or lines[-1]


def _shown(text: str) -> str:
    clean = "".join(one if one.isprintable() else " " for one in text)
    return clean if len(clean) <= SAID else f"{clean[:SAID]}..."


if __name__ == "__main__":
    main()
