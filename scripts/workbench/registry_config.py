"""The configuration of the registry beside the workbench, made anew at each `scripts/up`."""

from __future__ import annotations

import json
import os

from dsw import secret_files
from dsw.secret_files import SecretFiles
from dsw.settings import Settings
from dsw_control.registry_tokens import ISSUER, SERVICE, Signer, realm
from workbench.registry import config_file

HTTP_SECRET = "registry-http-secret"


def configure(settings: Settings) -> None:
    """Write its configuration, which only its owner may read."""
    secrets = SecretFiles(settings.data)
    Signer(secrets)
    tree = {
        "version": "0.1",
        "log": {"accesslog": {"disabled": True}, "level": "warn"},
        "storage": {
            "filesystem": {"rootdirectory": str(settings.data / "registry" / "images")},
            "delete": {"enabled": True},
            "cache": {"blobdescriptor": "inmemory"},
        },
        # Without the secret a restart would end uploads that are under way.
        "http": {"addr": settings.registry.address, "secret": secrets.get(HTTP_SECRET)},
        "auth": {
            "token": {
                "realm": realm(settings),
                "service": SERVICE,
                "issuer": ISSUER,
                "rootcertbundle": str(secrets.path(secret_files.REGISTRY_CERTIFICATE)),
            }
        },
    }
    path = config_file(settings)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.touch(mode=0o600)
    # JSON is YAML, too.
    aside.write_text(json.dumps(tree, indent=2))
    aside.replace(path)
