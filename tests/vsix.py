"""A VS Code extension as a file, and a registry of extensions that has it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from threading import Thread
from typing import Any

PUBLISHER, NAME, TITLE, VERSION = "dsw-tests", "tiny", "Tiny Extension", "1.2.3"
ID = f"{PUBLISHER}.{NAME}"
ENGINE = "^1.80.0"

MANIFEST_FILE = "Microsoft.VisualStudio.Code.Manifest"
PACKAGE_FILE = "Microsoft.VisualStudio.Services.VSIXPackage"

PACKAGE = {
    "name": NAME,
    "publisher": PUBLISHER,
    "displayName": TITLE,
    "version": VERSION,
    "engines": {"vscode": ENGINE},
    "contributes": {"languages": [{"id": "tiny", "extensions": [".tiny"]}]},
}
MANIFEST = f"""<?xml version="1.0" encoding="utf-8"?>
<PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011">
  <Metadata>
    <Identity Language="en-US" Id="{NAME}" Version="{VERSION}" Publisher="{PUBLISHER}"/>
    <DisplayName>{TITLE}</DisplayName>
  </Metadata>
  <Installation><InstallationTarget Id="Microsoft.VisualStudio.Code"/></Installation>
  <Dependencies/>
  <Assets>
    <Asset Type="Microsoft.VisualStudio.Code.Manifest" Path="extension/package.json"/>
  </Assets>
</PackageManifest>
"""
TYPES = """<?xml version="1.0" encoding="utf-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
  <Default Extension=".json" ContentType="application/json"/>
  <Default Extension=".vsixmanifest" ContentType="text/xml"/>
</Types>
"""


def vsix() -> bytes:
    """The extension's file; it teaches VS Code a language and runs no code."""
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("extension.vsixmanifest", MANIFEST)
        archive.writestr("[Content_Types].xml", TYPES)
        archive.writestr("extension/package.json", json.dumps(PACKAGE))
    return content.getvalue()


@contextmanager
def a_gallery() -> Iterator[str]:
    """The address of a registry on loopback; it has the one extension and speaks what VS Code asks.

    That is a query (`POST gallery/extensionquery`), the newest version by name, and the files.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Gallery)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/vscode"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Gallery(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        names = {
            str(criterion.get("value", "")).lower()
            for one in asked["filters"]
            for criterion in one["criteria"]
        }
        found = [self._extension()] if ID in names else []
        total = {"name": "TotalCount", "count": len(found)}
        count = {"resultType": "ResultCount", "metadataItems": [total]}
        self._answer({"results": [{"extensions": found, "resultMetadata": [count]}]})

    def do_GET(self) -> None:
        if self.path == f"/vscode/gallery/{PUBLISHER}/{NAME}/latest":
            self._answer(self._extension())
        elif self.path.startswith(f"/vscode/asset/{MANIFEST_FILE}"):
            self._answer(PACKAGE)
        elif self.path.startswith(f"/vscode/asset/{PACKAGE_FILE}"):
            self._answer(vsix())
        else:
            self.send_error(404)

    def _extension(self) -> dict[str, Any]:
        files = f"http://{self.headers['Host']}/vscode/asset"
        version = {
            "version": VERSION,
            "lastUpdated": "2026-01-01T00:00:00Z",
            "assetUri": files,
            "fallbackAssetUri": files,
            "files": [
                {"assetType": kind, "source": f"{files}/{kind}"}
                for kind in (MANIFEST_FILE, PACKAGE_FILE)
            ],
            "properties": [{"key": "Microsoft.VisualStudio.Code.Engine", "value": ENGINE}],
        }
        publisher = {"publisherId": "1", "publisherName": PUBLISHER, "displayName": PUBLISHER}
        return {
            "extensionId": "00000000-0000-4000-8000-000000000001",
            "extensionName": NAME,
            "displayName": TITLE,
            "publisher": publisher,
            "versions": [version],
            "statistics": [],
            "flags": "validated",
        }

    def _answer(self, content: Any) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass
