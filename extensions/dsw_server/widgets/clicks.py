"""How widgets get clicks and keys in JupyterLab, and buttons as all of them look."""

from __future__ import annotations

from typing import Any

import ipywidgets


def button(description: str, tooltip: str = "", **traits: Any) -> Any:
    """A button as wide as its text."""
    layout = ipywidgets.Layout(width="auto")
    return ipywidgets.Button(description=description, tooltip=tooltip, layout=layout, **traits)


def answer_beside_cells(widget: Any) -> None:
    """Have clicks handled where the frontend sends them: JupyterLab has a subshell for that, which
    is free while a cell runs. ipykernel would hand them to the cell that made the widget."""
    vars(widget.comm).pop("_reply_subshell_id", None)


def take_keys(widget: Any) -> None:
    """Have arrows and Enter reach the widget, not the notebook, where our Lab extension is."""
    widget.add_class("dsw-TakesKeys")
