"""A workspace as a file: what may stand in it, what it changes, and how a workspace is written."""
