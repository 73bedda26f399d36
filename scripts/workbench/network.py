"""The instances' network: a bridge of one installation, without traffic between instances."""

from __future__ import annotations

import socket

import docker
from docker.errors import APIError, DockerException, NotFound
from docker.models.networks import Network

from dsw.names import network_name
from workbench.steps import Refused

LABEL = "dsw.installation"


def ensure(installation: str) -> str:
    """Make the network unless it is there; the address of this host on it."""
    name = network_name(installation)
    try:
        client = docker.from_env()
        try:
            network = _get(client, name) or _create(client, name, installation)
        finally:
            client.close()
    except DockerException as error:
        raise Refused(f"The network {name} cannot be made: {_reason(error)}.") from error
    return _gateway(network)


def is_local(address: str) -> bool:
    """Whether a server of this machine can listen on the address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def _get(client: docker.DockerClient, name: str) -> Network | None:
    try:
        return client.networks.get(name)
    except NotFound:
        return None


def _create(client: docker.DockerClient, name: str, installation: str) -> Network:
    network = client.networks.create(
        name,
        driver="bridge",
        check_duplicate=True,
        labels={LABEL: installation, "dsw.kind": "network"},
        options={"com.docker.network.bridge.enable_icc": "false"},
    )
    network.reload()
    return network


def _gateway(network: Network) -> str:
    pools = (network.attrs or {}).get("IPAM", {}).get("Config") or [{}]
    gateway = str(pools[0].get("Gateway", "")).partition("/")[0]
    if not gateway or not is_local(gateway):
        raise Refused(
            f"The network {network.name} has no address on this machine, so instances could not "
            "reach the hub. The engine must run on this machine (not in a virtual machine, not "
            "remote); or set hub.private_host to an address of this machine that instances reach."
        )
    return gateway


def _reason(error: DockerException) -> str:
    return str(error.explanation if isinstance(error, APIError) else error).strip(" .")
