"""What in a file looks like a secret: which detectors are asked, and about which pieces of text.

Detectors are those of `detect-secrets` that know a secret by its own form; none guesses by names or
randomness. They cost time to load and to ask, so a detector is asked only about the surroundings of
a word that each of its secrets has. A finding tells where and what kind, never the secret.
"""

from __future__ import annotations

import re
import string
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Literal

from dsw.image_report import Finding
from dsw_agent.package_files import of_packages
from dsw_agent.skipped import readable
from dsw_agent.upper_files import Read

FILE_MAX = 256 * 1024
"""Bytes of the largest file that is looked into."""
FINDINGS_MAX = 200

_BEFORE = 256
_AFTER = 4096
"""Bytes of a line around a word that a detector is shown: what it takes grows with their square."""
_FILE_SECONDS = 0.1

_BINARY = re.compile(
    r"7z|a|avi|bin|bmp|bz2|ckpt|dat|db|deb|dll|dylib|egg|eot|exe|gif|gz|h5|ico|jar|jpe?g|lz4|mo"
    r"|mp[34]|np[yz]|onnx|o|otf|parquet|pdf|pickle|pkl|png|pth?|py[cdo]|rpm|safetensors|so"
    r"|sqlite|tar|tgz|tiff?|ttf|wasm|wav|webp|whl|woff2?|xz|zip|zst"
)
_LIKELY = re.compile(
    r"cfg|conf|config|credentials|env|ini|ipynb|json|key|pem|ppk|properties|py|secrets?|sh|toml"
    r"|txt|ya?ml"
)
"""Suffixes, in small letters."""


_Matches = Callable[[str], Iterable[str]]


@dataclass(frozen=True)
class Effort:
    """What looking may take: bytes read, and seconds of this process's own time."""

    bytes: int
    seconds: float


EFFORTS: dict[Literal["warn", "block"], Effort] = {
    "warn": Effort(bytes=64 * 1024**2, seconds=1.0),
    "block": Effort(bytes=1024**3, seconds=20.0),
}
"""Who blocks wants to be sure."""


@dataclass(frozen=True, slots=True)
class _Detector:
    """`plugin` is `module.Class` of detect-secrets; the other patterns are of secrets that it does
    not know. One of `words` is in each secret."""

    words: tuple[bytes, ...]
    plugin: str = ""
    kind: str = ""
    pattern: str = ""


def _words(text: str) -> tuple[bytes, ...]:
    return tuple(text.encode().split())


_PRIVATE_KEY = _Detector(
    (b"PRIVATE KEY", b"PuTTY-User-Key-File-2"), "private_key.PrivateKeyDetector"
)
_DETECTORS = (
    _Detector(_words("AKIA ASIA ABIA ACCA A3T"), "aws.AWSKeyDetector"),
    _Detector(_words("AccountKey="), "azure_storage_key.AzureStorageKeyDetector"),
    _Detector(_words("ghp_ gho_ ghu_ ghs_ ghr_"), "github_token.GitHubTokenDetector"),
    _Detector(
        _words("glpat- gldt- glft- glsoat- glrt- GR1348941 glcbt- glimt- glptt- glagent- gloas-"),
        "gitlab_token.GitLabTokenDetector",
    ),
    _Detector(_words("eyJ"), "jwt.JwtTokenDetector"),
    _Detector(_words(":_authToken="), "npm.NpmDetector"),
    _Detector(_words("T3BlbkFJ"), "openai.OpenAIDetector"),
    _PRIVATE_KEY,
    _Detector(_words("pypi-AgE"), "pypi_token.PypiTokenDetector"),
    _Detector(_words("SG."), "sendgrid.SendGridDetector"),
    _Detector(_words("xox hooks.slack.com"), "slack.SlackDetector"),
    _Detector(_words("sq0csp-"), "square_oauth.SquareOAuthDetector"),
    _Detector(_words("k_live_"), "stripe.StripeDetector"),
    _Detector(_words("github_pat_"), "", "GitHub Token", r"github_pat_\w{82}"),
    _Detector(_words("hf_"), "", "Hugging Face Token", r"\bhf_[A-Za-z0-9]{34}\b"),
    _Detector(_words("sk-ant-"), "", "Anthropic Token", r"sk-ant-[a-z0-9]{3,9}-[\w-]{80,120}"),
    _Detector(_words("AIza"), "", "Google API Key", r"\bAIza[\w-]{35}(?![\w-])"),
    _Detector(_words("LTAI"), "", "Alibaba Cloud Access Key", r"\bLTAI[A-Za-z0-9]{20}\b"),
)

_KEY = re.compile(
    rb"PRIVATE KEY(?: BLOCK)? ?-{4,5}(?:[\s\\nr'\"]|[A-Za-z-]+: [^\n\\]{0,200}){1,60}?[\w+/=]{40}"
    rb"|PuTTY-User-Key-File-[23]: "
)
"""Many programs have the first line of a key in them; a key has more than that."""
_KEY_HEAD = 1000
_OF_BASE64 = tuple(string.ascii_letters + string.digits + "+/")


@dataclass
class SecretScan:
    """Looks into files of an upper directory; `unscanned` counts those that it did not."""

    read: Read
    effort: Effort
    clock: Callable[[], float] = time.process_time
    findings: list[Finding] = field(default_factory=list)
    unscanned: int = 0

    def look(self, paths: Iterable[str]) -> None:
        """Look into the regular files among these, the likely places first."""
        every = list(paths)
        owned = of_packages(self.read, every)
        mine = _in_order(path for path in every if path not in owned)
        self.unscanned += len(every) - len(mine)
        until, left = self.clock() + self.effort.seconds, self.effort.bytes
        for number, path in enumerate(mine):
            if left <= 0 or self.clock() > until or len(self.findings) >= FINDINGS_MAX:
                self.unscanned += len(mine) - number
                return
            data = self.read(path, FILE_MAX)
            if data is None or b"\0" in data:
                self.unscanned += 1
                continue
            left -= len(data)
            self._look_into(path, data)

    def _look_into(self, path: str, data: bytes) -> None:
        until = self.clock() + _FILE_SECONDS
        seen = set()
        for detector in _DETECTORS:
            for position in _positions(data, detector.words):
                asked = self.clock()
                if asked > until:
                    self.unscanned += 1
                    return
                kind, matches = _loaded(detector)
                # A detector is loaded once; the file that needs it first does not pay for that.
                until += self.clock() - asked
                if not _is_secret(detector, matches, data, position):
                    continue
                line = data.count(b"\n", 0, position) + 1
                if (line, kind) not in seen and len(self.findings) < FINDINGS_MAX:
                    seen.add((line, kind))
                    self.findings.append(Finding(path=readable(path), line=line, kind=kind))


def _in_order(paths: Iterable[str]) -> list[str]:
    """Without what cannot be text by its name, and what people write by hand before the rest."""
    likely, others = [], []
    for path in paths:
        _, dot, suffix = path.rpartition("/")[2].lower().rpartition(".")
        if _LIKELY.fullmatch(suffix):
            likely.append(path)
        elif not (dot and _BINARY.fullmatch(suffix)):
            others.append(path)
    return likely + others


def _positions(data: bytes, words: tuple[bytes, ...]) -> Iterator[int]:
    for word in words:
        position = data.find(word)
        while position >= 0:
            yield position
            position = data.find(word, position + len(word))


def _is_secret(detector: _Detector, matches: _Matches, data: bytes, position: int) -> bool:
    """Whether there is a secret around a word."""
    begin = max(data.rfind(b"\n", 0, position) + 1, position - _BEFORE)
    end = data.find(b"\n", position, position + _AFTER)
    line = data[begin : end if end >= 0 else position + _AFTER].decode("utf-8", "replace")
    if not any(_is_real(secret, line) for secret in matches(line)):
        return False
    whole = data[position : position + _KEY_HEAD]
    return detector is not _PRIVATE_KEY or _KEY.match(whole) is not None


def _is_real(secret: str, line: str) -> bool:
    """Neither one that handbooks show nor a piece of something longer."""
    around = line.partition(secret)
    inside = around[0][-1:] in _OF_BASE64 or around[2][:1] in _OF_BASE64
    longer = inside and secret.isalnum()
    return not longer and "EXAMPLE" not in secret.upper()


@cache
def _loaded(detector: _Detector) -> tuple[str, _Matches]:
    """The kind of secret, and what finds them in a text."""
    if detector.pattern:
        return detector.kind, re.compile(detector.pattern, re.ASCII).findall
    module, name = detector.plugin.split(".")
    plugin = getattr(import_module(f"detect_secrets.plugins.{module}"), name)()
    return plugin.secret_type, plugin.analyze_string
