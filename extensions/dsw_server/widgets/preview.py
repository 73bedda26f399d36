"""The beginning of a file as HTML, in which nothing of the file is markup."""

from __future__ import annotations

from html import escape

from dsw.datasets import Preview
from dsw.units import format_size

_BOX = "max-height: 320px; overflow: auto; margin: 4px 0"
_CELL = "padding: 1px 8px; text-align: left; white-space: nowrap"


def preview_html(preview: Preview) -> str:
    """A title with the size, then text or table, and what is not shown."""
    size = "" if preview.size is None else f", {format_size(preview.size)}"
    parts = [f"<b>{escape(preview.path)}</b>{size}"]
    if preview.kind == "text":
        parts.append(f'<pre tabindex="0" style="{_BOX}">{escape(preview.text)}</pre>')
    elif preview.kind == "table":
        parts.append(f'<div tabindex="0" style="{_BOX}">{_table(preview)}</div>')
    if note := _note(preview):
        parts.append(f"<div>{escape(note)}</div>")
    return "".join(parts)


def _table(preview: Preview) -> str:
    types = [*preview.column_types, *[""] * len(preview.columns)]
    head = "".join(
        f'<th scope="col" style="{_CELL}" title="{escape(kind)}">{escape(name)}</th>'
        for name, kind in zip(preview.columns, types, strict=False)
    )
    rows = "".join(
        "<tr>" + "".join(f'<td style="{_CELL}">{escape(value)}</td>' for value in row) + "</tr>"
        for row in preview.rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _note(preview: Preview) -> str:
    said = [preview.message] if preview.message else []
    if preview.kind == "image" and not said:
        said.append(f"An image ({preview.media_type}). Mount the dataset to see it.")
    if preview.kind == "none" and not said:
        said.append("There is no preview of such files.")
    if preview.kind == "table" and preview.total_rows is not None:
        said.append(f"{len(preview.rows):,} of {preview.total_rows:,} rows.")
    elif preview.truncated:
        said.append("This is its beginning.")
    return " ".join(said)
