"""Instances as local processes, on a real hub with a real proxy."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import httpx
from tests.dsw_spawners.conftest import Bench
from tests.git_servers import git_server
from tests.polling import eventually

from dsw.errors import QuotaExceeded
from dsw.events import Phase
from dsw.plan import LaunchPlan, PlanRequest


def processes_of(instance_id: str) -> list[int]:
    """The pids whose environment names this instance's run folder or id."""
    found = []
    for entry in filter(lambda path: path.name.isdigit(), Path("/proc").iterdir()):
        try:
            environment = (entry / "environ").read_bytes()
        except OSError:
            continue
        if f"DSW_INSTANCE_ID={instance_id}".encode() in environment:
            found.append(int(entry.name))
    return found


def planned_with_id(bench: Bench) -> None:
    """Make the plans name their instance in the environment, as control does."""
    planner = bench.planner

    def plan(request: PlanRequest) -> LaunchPlan:
        made = planner(request)
        environment = {**made.environment, "DSW_INSTANCE_ID": made.instance_id}
        return made.model_copy(update={"environment": environment})

    bench.control.planner = plan


def test_a_server_starts_and_its_phases_are_reported(process_bench: Bench) -> None:
    planned_with_id(process_bench)
    instance_id = process_bench.run("one")
    process_bench.control.wait_for(instance_id, Phase.SERVER_ANSWERING)
    assert process_bench.control.phases(instance_id) == [
        Phase.ADMITTED,
        Phase.IMAGE_PRESENT,
        Phase.CONTAINER_STARTED,
        Phase.SERVER_ANSWERING,
    ]
    process_bench.stop("one")
    process_bench.control.wait_for(instance_id, Phase.STOPPED)
    assert process_bench.control.phases(instance_id)[-2:] == [Phase.STOPPING, Phase.STOPPED]
    assert processes_of(instance_id) == []
    assert process_bench.environment(instance_id) == {}
    process_bench.stop("one", remove=True)
    process_bench.control.wait_for(instance_id, Phase.DELETED)
    assert not process_bench.environment_file(instance_id).parent.exists()


def test_a_refusal_of_control_reaches_the_caller_word_by_word(process_bench: Bench) -> None:
    def refuse(request: PlanRequest) -> LaunchPlan:
        raise QuotaExceeded("The limit is 2 running instances per member.", "Stop another one.")

    process_bench.control.planner = refuse
    answer = process_bench.start("refused")
    assert answer.status_code == 409
    expected = "The limit is 2 running instances per member. Stop another one."
    assert answer.json()["message"] == expected
    assert "Traceback" not in process_bench.hub.log.read_text()


def test_an_unknown_option_is_refused_by_the_spawner(process_bench: Bench) -> None:
    asked = len(process_bench.control.requests)
    answer = process_bench.start("options", volumes=["/etc:/mnt"])
    assert answer.status_code == 400
    message = answer.json()["message"]
    assert message == (
        "The option 'volumes' is not known. Known options are: workspace, image, spec."
    )
    answer = process_bench.start("options", image="debian:latest")
    assert answer.status_code == 400
    assert "'image' cannot be used" in answer.json()["message"]
    assert len(process_bench.control.requests) == asked


def test_a_control_that_does_not_answer_is_named(process_bench: Bench) -> None:
    process_bench.control.stop()
    try:
        answer = process_bench.start("nobody")
    finally:
        process_bench.control.start()
    assert answer.status_code == 503
    assert "The control service does not answer" in answer.json()["message"]


def test_a_running_server_survives_a_killed_hub_and_loses_its_token_at_the_stop(
    process_bench: Bench,
) -> None:
    planned_with_id(process_bench)
    instance_id = process_bench.run("survivor")
    before = processes_of(instance_id)
    assert before
    token = process_bench.environment(instance_id)["JUPYTERHUB_API_TOKEN"]
    process_bench.hub.kill()
    process_bench.hub.start()
    process_bench.wait_ready("survivor")
    assert min(processes_of(instance_id)) == min(before)
    inside = process_bench.hub.client(token)
    assert inside.get("/user").status_code == 200
    process_bench.stop("survivor")
    assert inside.get("/user").status_code == 403
    assert processes_of(instance_id) == []


def test_a_server_that_dies_at_its_start_is_reported_with_its_last_lines(
    process_bench: Bench,
) -> None:
    planned_with_id(process_bench)
    process_bench.planner.next = {"environment": {"JUPYTERHUB_SINGLEUSER_APP": "no.such:App"}}
    try:
        answer = process_bench.start("dies")
        assert answer.status_code in (202, 502)
        failure = process_bench.control.wait_for(process_bench.instance("dies"), Phase.FAILED)
    finally:
        process_bench.planner.next = {}
    assert failure.reason == "Exited"
    assert "before it answered" in failure.message
    assert "no.such" in failure.message


def test_a_server_that_ends_by_itself_is_noticed(process_bench: Bench) -> None:
    planned_with_id(process_bench)
    instance_id = process_bench.run("ends")
    for pid in processes_of(instance_id):
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: process_bench.server("ends").get("stopped"), 30)
    eventually(lambda: process_bench.environment(instance_id) == {}, 10)
    assert Phase.STOPPED not in process_bench.control.phases(instance_id)


def test_the_proxy_serves_the_control_service(process_bench: Bench) -> None:
    url = f"{process_bench.hub.url}/services/dsw/"
    assert httpx.get(url, trust_env=False).status_code == 200


def test_a_code_source_is_cloned_where_there_is_no_container(
    process_bench: Bench, tmp_path: Path
) -> None:
    planned_with_id(process_bench)
    home = Path(process_bench.planner.fields["home"])
    with git_server(tmp_path / "git") as server:
        server.user, server.password = "deploy", "hidden"
        url = server.repository("private", {"a": "1"})
        code = {"url": url, "directory": "private", "username": "deploy", "secret": "hidden"}
        process_bench.planner.next = {"code": code}
        try:
            instance_id = process_bench.run("coder")
        finally:
            process_bench.planner.next = {}
        eventually((home / "private/a").exists, 30)
    handed_over = process_bench.environment_file(instance_id).with_name("code")
    assert "hidden" not in str(process_bench.environment(instance_id))
    assert handed_over.stat().st_mode & 0o777 == 0o400
    process_bench.stop("coder")
    assert not handed_over.exists()
