"""Files that come in by the browser's way, are used in an instance, and go out again."""

from __future__ import annotations

from typing import Any

import pytest
from tests.chain.data_beds import BUCKET, DataBed
from tests.polling import eventually
from tests.workbenches import User

pytestmark = pytest.mark.docker

TABLE = b"city,people\nUlm,128000\nBern,134000\n"


def upload(user: User, dataset: str, path: str, content: bytes) -> None:
    """A file in two pieces, once it is stored."""
    answer = user.http.post(
        f"datasets/{dataset}/uploads", json={"path": path, "size": len(content)}
    )
    assert answer.status_code == 201, answer.text
    where, half = f"datasets/uploads/{answer.json()['id']}", len(content) // 2
    for offset, piece in ((0, content[:half]), (half, content[half:])):
        sent = user.http.put(f"{where}/content", params={"offset": offset}, content=piece)
        assert sent.is_success, sent.text
    eventually(lambda: user.get(where)["state"] == "Done", 30)


def names(user: User, dataset: str, path: str = "") -> list[str]:
    """What is in a folder of a dataset."""
    answer = user.http.get(f"datasets/{dataset}/files", params={"path": path})
    assert answer.status_code == 200, answer.text
    return sorted(entry["name"] for entry in answer.json()["items"])


def test_what_is_uploaded_is_in_an_instance_and_what_it_writes_can_be_fetched(
    data: DataBed, alice: User
) -> None:
    made = alice.http.post("datasets", json={"name": "kept-here", "access": "rw"})
    assert made.status_code == 201, made.text
    folder = made.json()["id"]
    bucket = data.dataset(alice, "in-bucket", data.objects("in-bucket", readme="r"), access="rw")
    for dataset in (folder, bucket):
        upload(alice, dataset, "in/cities.csv", TABLE)
        assert names(alice, dataset, "in") == ["cities.csv"]
    assert data.store.get(BUCKET, "team/in-bucket/in/cities.csv") == TABLE

    wanted: list[dict[str, Any]] = [
        {"dataset": dataset, "access": "rw"} for dataset in (folder, bucket)
    ]
    item = alice.running(display_name="data", datasets=wanted)
    assert item["state"] == "Running", alice.story(item["id"])
    for name, dataset in (("kept-here", folder), ("in-bucket", bucket)):
        inside = f"/mnt/data/{name}"
        assert data.read(item, f"{inside}/in/cities.csv").encode() == TABLE
        data.bench.execute(item, "sh", "-c", f"mkdir {inside}/out && echo made > {inside}/out/by")
        eventually(lambda dataset=dataset: "out" in names(alice, dataset), 30)
        eventually(lambda dataset=dataset: names(alice, dataset, "out") == ["by"], 30)
        fetched = alice.http.get(f"datasets/{dataset}/content", params={"path": "out/by"})
        assert fetched.content == b"made\n"
        seen = alice.http.get(f"datasets/{dataset}/preview", params={"path": "in/cities.csv"})
        assert seen.json()["rows"] == [["Ulm", "128000"], ["Bern", "134000"]]
    assert alice.get(f"datasets/{folder}/usage")["instances"] == [f"alice/{item['name']}"]
