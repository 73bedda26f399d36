"""What the agent does so that instances see data: mounts on the node, and the sources of them."""
