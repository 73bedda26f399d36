"""A workspace's file as checked documents, and its mistakes as sentences."""

from __future__ import annotations

import types
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import ValidationError

from dsw.base import Model
from dsw.errors import Invalid
from dsw.manifest.document import WorkspaceDocument
from dsw.manifest.yaml_text import Document, read_documents


def read(text: str, name: str) -> list[WorkspaceDocument]:
    """The documents of a file; `Invalid` names all mistakes of the first wrong one, with lines.

    `name` is how the file is called in the sentences.
    """
    found = [_checked(document, name) for document in read_documents(text, name)]
    if not found:
        raise Invalid(f"{name} is empty.", "It needs `kind: Workspace` and a `name`.")
    names = [document.name for document in found]
    twice = next((each for each in names if names.count(each) > 1), None)
    if twice is not None:
        raise Invalid(f"{name}: the workspace {twice!r} stands there twice.")
    return found


def _checked(document: Document, name: str) -> WorkspaceDocument:
    if not isinstance(document.content, dict):
        line = document.line_of(())
        raise Invalid(f"{name}: line {line}: this is not a document.", "It begins with `kind:`.")
    try:
        return WorkspaceDocument.model_validate(document.content)
    except ValidationError as error:
        mistakes = [_mistake(document, item) for item in error.errors()]
        raise Invalid(f"{name}: {'; '.join(mistakes)}.") from error


def _mistake(document: Document, item: Any) -> str:
    path = tuple(part for part in item["loc"] if part != "[key]")
    where = ".".join(str(part) for part in path)
    line = document.line_of(path)
    if item["type"] == "extra_forbidden":
        known = ", ".join(sorted(_keys_at(WorkspaceDocument, path[:-1])))
        return f"line {line}: {where} is not a known key; known here: {known}"
    message = item["msg"].removeprefix("Value error, ").rstrip(".")
    if item["type"] == "string_type":
        message = "this must be a text; write it in quotes"
    return f"line {line}: {where or 'document'}: {message}"


def _keys_at(annotation: Any, path: tuple[str | int, ...]) -> list[str]:
    """The keys that a place of the document may have."""
    if get_origin(annotation) is Annotated:
        return _keys_at(get_args(annotation)[0], path)
    if get_origin(annotation) in (Union, types.UnionType):
        inner = next(each for each in get_args(annotation) if each is not type(None))
        return _keys_at(inner, path)
    if isinstance(annotation, type) and issubclass(annotation, Model):
        fields = annotation.model_fields
        return _keys_at(fields[str(path[0])].annotation, path[1:]) if path else list(fields)
    return _keys_at(get_args(annotation)[-1], path[1:]) if path else []
