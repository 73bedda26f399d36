"""How the installed packages of an image are told to other tools: a CycloneDX document."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING

from dsw.agent import AgentRequest
from dsw.image_report import Manager
from dsw_agent.packages import Installed

if TYPE_CHECKING:
    from packageurl import PackageURL

_TYPES: dict[Manager, str] = {"pip": "pypi", "conda": "conda", "apt": "deb"}


def document(packages: Iterable[Installed], request: AgentRequest, system: dict[str, str]) -> bytes:
    """CycloneDX 1.6 as JSON, of the image that the request makes.

    `system` is what `os-release` says of the image; Debian's packages are named by it.
    """
    # Loading these takes longer than all else here, and a forecast needs none of it.
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.dependency import Dependency
    from cyclonedx.output.json import JsonV1Dot6

    subject = Component(
        name=request.target.repository or request.target.tag,
        version=request.snapshot_id,
        type=ComponentType.CONTAINER,
        bom_ref=request.snapshot_id,
    )
    components = {}
    for package in packages:
        purl = _purl(package, system)
        # Two spellings of one name are one package.
        components[purl.to_string()] = Component(
            name=package.name,
            version=package.version,
            type=ComponentType.LIBRARY,
            purl=purl,
            bom_ref=purl.to_string(),
        )
    bom = Bom(
        components=components.values(),
        serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"dsw:{request.snapshot_id}"),
        metadata=BomMetaData(component=subject, timestamp=request.created),
        # Not by `register_dependency`, which takes time by the square of their number.
        dependencies=[
            Dependency(subject.bom_ref, (Dependency(each.bom_ref) for each in components.values()))
        ],
    )
    return JsonV1Dot6(bom).output_as_string().encode()


def _purl(package: Installed, system: dict[str, str]) -> PackageURL:
    from packageurl import PackageURL

    if package.manager != "apt":
        return PackageURL(_TYPES[package.manager], None, package.name, package.version)
    distribution = system.get("ID", "debian")
    version = system.get("VERSION_ID", "")
    about = {"distro": f"{distribution}-{version}"} if version else None
    return PackageURL("deb", distribution, package.name, package.version, about)
