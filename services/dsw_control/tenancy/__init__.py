"""Workspaces, their members and their roles."""
