"""How far a helper's container is: begun, ended with which code, and what it printed."""

from __future__ import annotations

from docker.models.containers import Container

ENDED = ("exited", "dead")


def begun(box: Container) -> Container:
    """The helper, which runs or has run: one that a killed control made and had not started yet is
    started."""
    if box.attrs["State"]["Status"] == "created":
        box.start()
        box.reload()
    return box


def exit_code(box: Container) -> int | None:
    """How it ended; None while it runs."""
    state = box.attrs["State"]
    return int(state["ExitCode"]) if state["Status"] in ENDED else None


def printed(box: Container, lines: int | None = None) -> list[str]:
    """The last lines that it printed, by default all."""
    text = box.logs(stdout=True, stderr=False, tail="all" if lines is None else lines)
    return [line for line in text.decode("utf-8", "replace").splitlines() if line.strip()]
