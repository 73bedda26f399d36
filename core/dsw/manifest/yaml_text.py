"""YAML with the lines of its keys, so that a mistake is told with where it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from dsw.errors import Invalid

Path = tuple[str | int, ...]

TAGS = {
    f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "str", "int", "float", "bool", "null")
}
"""What a file is made of. A date, say, has to be in quotes."""


@dataclass
class Document:
    """One document of a file: its content, and the 1-based line of each key and item."""

    name: str
    content: Any = None
    lines: dict[Path, int] = field(default_factory=dict)

    def line_of(self, path: Path) -> int:
        """The line of the deepest part of the path that stands in the file."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return 1

    def refuse(self, line: int, what: str, hint: str = "") -> NoReturn:
        """`Invalid` with file and line."""
        raise Invalid(f"{self.name}: line {line}: {what}.", hint)


def read_documents(text: str, name: str) -> list[Document]:
    """The documents of a file; `Invalid` with name and line where it is no plain YAML.

    Keys are always texts. Anchors, aliases, tags and keys that stand twice are refused.
    """
    loader = yaml.SafeLoader(text)
    try:
        _refuse_anchors(text, name)
        found = []
        while loader.check_node():
            document = Document(name)
            document.content = _content(loader, loader.get_node(), (), document)
            if document.content is not None:
                found.append(document)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        line = 1 if mark is None else mark.line + 1
        why = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise Invalid(f"{name}: line {line}: this is not YAML: {why}.") from error
    finally:
        loader.dispose()
    return found


def _refuse_anchors(text: str, name: str) -> None:
    # They could stand for themselves, or for more than fits into memory.
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if getattr(event, "anchor", None):
            Document(name).refuse(_line(event), "anchors and aliases are not read", "Write it out.")


def _content(loader: yaml.SafeLoader, node: Any, path: Path, document: Document) -> Any:
    document.lines.setdefault(path, _line(node))
    if node.tag not in TAGS:
        document.refuse(_line(node), f"{node.tag} is not read", "Write plain texts and numbers.")
    if isinstance(node, yaml.MappingNode):
        content: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                document.refuse(_line(key), "a key is a word")
            if key.value in content:
                document.refuse(_line(key), f"{key.value} stands there twice")
            document.lines[*path, key.value] = _line(key)
            content[key.value] = _content(loader, value, (*path, key.value), document)
        return content
    if isinstance(node, yaml.SequenceNode):
        return [
            _content(loader, item, (*path, index), document)
            for index, item in enumerate(node.value)
        ]
    return loader.construct_object(node)


def _line(mark: Any) -> int:
    return int(mark.start_mark.line) + 1
