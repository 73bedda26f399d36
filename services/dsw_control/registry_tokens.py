"""The tokens that control signs for the installation's own registry, and what they may open."""

from __future__ import annotations

import base64
import re
import secrets
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dsw.base import Model
from dsw.secret_files import REGISTRY_CERTIFICATE, REGISTRY_KEY, SecretFiles
from dsw.settings import RegistrySettings, Settings
from dsw.workspaces import REPOSITORY
from dsw_control.assets.registry_auth import Token

ISSUER = "dsw-control"
SERVICE = "dsw-registry"
SECONDS = 15 * 60
ACTIONS = frozenset({"pull", "push", "delete"})
PATH = "registry/token"

_SCOPE = re.compile(rf"repository:({REPOSITORY.strip('^$')}):([a-z,*]+)")
_YEARS = 100


class Grant(Model):
    """What may be done in one repository."""

    repository: str
    actions: frozenset[str]


def realm(settings: Settings) -> str:
    """Where the registry sends those who want a token."""
    return f"{settings.control_url}{settings.service_prefix}{PATH}"


def asked(scopes: Iterable[str]) -> list[Grant]:
    """The repositories of a token request; what is no repository is left out."""
    found = (_SCOPE.fullmatch(scope) for text in scopes for scope in text.split())
    return [
        Grant(repository=match[1], actions=ACTIONS & set(match[2].split(",")))
        for match in found
        if match
    ]


def below(settings: RegistrySettings, grants: Iterable[Grant]) -> list[Grant]:
    """Those of the grants that are below the installation's prefix."""
    return [grant for grant in grants if grant.repository.startswith(f"{settings.prefix}/")]


def within(grants: Iterable[Grant], allowed: Iterable[Grant]) -> list[Grant]:
    """What of the grants is allowed."""
    open_to = {grant.repository: grant.actions for grant in allowed}
    cut = (
        Grant(repository=one.repository, actions=one.actions & open_to.get(one.repository, set()))
        for one in grants
    )
    return [grant for grant in cut if grant.actions]


class Signer:
    """Signs with a key that is made once. The registry trusts its certificate."""

    def __init__(self, secret_files: SecretFiles) -> None:
        self._key = secret_files.kept(REGISTRY_KEY, _new_key)
        text = secret_files.kept(REGISTRY_CERTIFICATE, lambda: _certify(self._key))
        self._certificate = x509.load_pem_x509_certificate(text.encode())

    def token(self, subject: str, grants: Iterable[Grant]) -> Token:
        """A token of fifteen minutes."""
        now = int(time.time())
        access = [
            {"type": "repository", "name": grant.repository, "actions": sorted(grant.actions)}
            for grant in grants
        ]
        claims = {
            "iss": ISSUER,
            "aud": SERVICE,
            "sub": subject,
            "iat": now,
            "nbf": now - 30,
            "exp": now + SECONDS,
            "jti": secrets.token_hex(16),
            "access": access,
        }
        der = self._certificate.public_bytes(serialization.Encoding.DER)
        headers = {"x5c": [base64.b64encode(der).decode()]}
        text = jwt.encode(claims, self._key, algorithm="ES256", headers=headers)
        return Token(text=text, seconds=SECONDS)


def signer_for(settings: Settings) -> Signer | None:
    """What signs for the installation's registry; None where that has its own way."""
    if settings.registry.auth != "token" or not settings.registry.address:
        return None
    return Signer(SecretFiles(settings.data))


def _new_key() -> str:
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
    )


def _certify(key_text: str) -> str:
    key = serialization.load_pem_private_key(key_text.encode(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the registry's key is of another kind")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ISSUER)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365 * _YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
