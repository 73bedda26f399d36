"""ProxyCommand for tests: `python ssh_through.py URL TICKET`, the real client without control."""

from __future__ import annotations

import sys
from urllib.parse import urljoin, urlsplit

from dsw.ssh_proxy import SSH_PATH, Pump, Refused, open_websocket

if __name__ == "__main__":
    try:
        connection, rest = open_websocket(urlsplit(urljoin(sys.argv[1], SSH_PATH)), sys.argv[2])
        Pump(connection, 0, 1).run(rest)
    except Refused as refusal:
        sys.exit(str(refusal))
