"""Datasets and mounts of one instance, as something that answers in control's place has them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.saving_control import INSTANCE, TOKEN, answering

from dsw.names import new_id

DATASET, OTHER = new_id("ds"), new_id("ds")
WHEN = "2026-01-01T00:00:00Z"
MOUNTED = {"state": "Mounted"}
MOUNTING = {"state": "Mounting", "message": "Starting the source.", "percent": 40}
DEGRADED = {"state": "Degraded", "reason": "SourceUnreachable", "message": "No answer from nas1."}
NO_BUCKET = {
    "state": "Failed",
    "reason": "SourceUnreachable",
    "message": "There is no bucket pictures.",
}
AWAY = {"status": 503, "code": "unavailable", "detail": "Control is being restarted."}


def dataset(name: str = "imagenet", dataset_id: str = DATASET, **values: Any) -> dict[str, Any]:
    """A DatasetView as control sends it."""
    version = {"number": 3, "uri": "s3://pictures/imagenet", "created_by": "bob"}
    return {
        "id": dataset_id,
        "workspace_id": "ws-dddddddddddd",
        "name": name,
        "description": "Pictures with labels",
        "labels": {"domain": "vision"},
        "kind": "s3",
        "uri": "s3://pictures/imagenet",
        "storage_class": "pictures",
        "access": "rw",
        "write_roles": ["owner"],
        "mount_path": f"/mnt/data/{name}",
        "visibility": "private",
        "owner": "bob",
        "version": 3,
        "versions": [{**version, "created_at": WHEN}],
        "writable": True,
        "browsable": True,
        "created_at": WHEN,
        **values,
    }


def mount(name: str = "imagenet", **values: Any) -> dict[str, Any]:
    """A MountView as control sends it."""
    return {
        "id": new_id("mnt"),
        "instance_id": INSTANCE,
        "dataset_id": DATASET,
        "dataset_name": name,
        "version": 3,
        "kind": "dynamic",
        "name": name,
        "target": f"/mnt/dynamic/{name}",
        "access": "ro",
        "keep": False,
        "state": "Mounted",
        "reason": "",
        "message": "",
        "percent": None,
        "holders": [],
        "created_at": WHEN,
        "ended_at": None,
        **values,
    }


def a_folder() -> dict[str, list[dict[str, Any]]]:
    """A dataset's folders with what is in them."""
    labels = {"name": "labels.csv", "path": "labels.csv", "kind": "file", "size": 2048}
    pictures = [
        {"name": f"{n:03}.jpg", "path": f"train/{n:03}.jpg", "kind": "file", "size": n}
        for n in range(250)
    ]
    return {"": [{"name": "train", "path": "train", "kind": "folder"}, labels], "train": pictures}


TABLE: dict[str, Any] = {
    "path": "labels.csv",
    "kind": "table",
    "media_type": "text/csv",
    "size": 2048,
    "columns": ["file", "label"],
    "column_types": [],
    "rows": [["a.jpg", "cat"], ["b.jpg", "<b>dog</b>"]],
    "text": "",
    "total_rows": None,
    "truncated": True,
    "message": "",
}


@dataclass
class DataDesk:
    """What the instance may mount and has mounted. `steps` are what the newest mount is at each
    question, the last one stays; a step with `status` is answered as a problem. Processes in
    `holders` keep a mount until it is forced."""

    instance_id: str = INSTANCE
    datasets: list[dict[str, Any]] = field(default_factory=lambda: [dataset()])
    mounts: list[dict[str, Any]] = field(default_factory=list)
    folders: dict[str, list[dict[str, Any]]] = field(default_factory=a_folder)
    previews: dict[str, dict[str, Any]] = field(default_factory=lambda: {"labels.csv": TABLE})
    steps: list[dict[str, Any]] = field(default_factory=lambda: [dict(MOUNTED)])
    holders: list[dict[str, Any]] = field(default_factory=list)
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    refusal: dict[str, Any] | None = None
    url: str = ""

    @property
    def environ(self) -> dict[str, str]:
        """What the instance has in its environment."""
        return {
            "DSW_CONTROL_URL": self.url,
            "DSW_INSTANCE_ID": self.instance_id,
            "JUPYTERHUB_API_TOKEN": TOKEN,
        }

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Status and body of one request below `/services/dsw/api`."""
        self.calls.append((method, path, body))
        if self.refusal:
            return self.refusal["status"], self.refusal
        parts = urlsplit(path)
        asked = dict(parse_qsl(parts.query))
        words = parts.path.strip("/").split("/")
        if words[0] == "datasets":
            return self._dataset(words[1:], asked)
        if words[:3] == ["instances", self.instance_id, "mounts"]:
            return self._mount(method, words[3:], asked, body)
        return _missing(path)

    def _dataset(self, words: list[str], asked: dict[str, str]) -> tuple[int, Any]:
        if not words:
            found = [one for one in self.datasets if asked.get("name", "") in one["name"]]
            return 200, _page(found, asked)
        known = next((one for one in self.datasets if one["id"] == words[0]), None)
        path = asked.get("path", "")
        if known and words[1:] == []:
            return 200, known
        if known and words[1:] == ["files"] and path in self.folders:
            return 200, _page(self.folders[path], asked)
        if known and words[1:] == ["preview"] and path in self.previews:
            return 200, self.previews[path]
        return _missing("/".join(words))

    def _mount(
        self, method: str, words: list[str], asked: dict[str, str], body: Any
    ) -> tuple[int, Any]:
        if method == "POST":
            known = [one for one in self.datasets if body["dataset"] in self._refs(one)]
            if not known:
                return _missing(body["dataset"])
            name = body.get("name") or known[0]["name"]
            made = mount(name, access=body["access"], keep=body["keep"], state="Mounting")
            origin = {"dataset_name": known[0]["name"], "dataset_id": known[0]["id"]}
            self.mounts.append({**made, **origin})
            return 201, self.mounts[-1]
        if not words:
            return 200, _page(self.mounts, asked)
        found = next((one for one in self.mounts if one["id"] == words[0]), None)
        if found is None:
            return _missing(words[0])
        if method == "DELETE":
            if self.holders and asked.get("force") != "true":
                found.update(state="Mounted", reason="Busy", holders=self.holders)
                said = {"code": "conflict", "detail": f"{found['name']} is in use."}
                return 409, {"status": 409, **said}
            found.update(state="Unmounting", reason="Requested", holders=[])
            return 202, dict(found)
        if found["state"] == "Unmounting":
            found.update(state="Unmounted", reason="", ended_at=WHEN)
            return 200, found
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if "status" in step:
            return step["status"], step
        if found["state"] in ("Mounting", "Degraded"):
            found.update(step)
        return 200, found

    @staticmethod
    def _refs(one: dict[str, Any]) -> tuple[str, ...]:
        """What the dataset can be called: those of other workspaces by their id alone."""
        return (one["id"],) if one["visibility"] == "public" else (one["id"], one["name"])


def _page(items: list[dict[str, Any]], asked: dict[str, str]) -> dict[str, Any]:
    start, most = int(asked.get("cursor", 0)), int(asked.get("limit", 100))
    end = start + most
    return {"items": items[start:end], "next": str(end) if end < len(items) else None}


def _missing(what: str) -> tuple[int, Any]:
    return 404, {"status": 404, "code": "not_found", "detail": f"There is no {what}."}


@contextmanager
def data_control() -> Iterator[DataDesk]:
    """One that answers over HTTP, to the instance's token alone."""
    desk = DataDesk()
    with answering(desk.answer) as desk.url:
        yield desk
