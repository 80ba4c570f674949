"""XML that a store answers, as a small tree: without namespaces, attributes, entities or surprises."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

DEPTH_MOST = 16  # of elements in elements; the answers of S3 have four
ELEMENTS_MOST = 50_000  # a page of a thousand keys has some ten for each


class XmlError(ValueError):
    """It is not XML, or has what no answer of a store needs."""


@dataclass(slots=True)
class Element:
    """One element."""

    name: str
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def all(self, name: str) -> list[Element]:
        """Its children of this name."""
        return [child for child in self.children if child.name == name]

    def get(self, name: str, otherwise: str = "") -> str:
        """The text of its first child of this name."""
        return next((child.text for child in self.children if child.name == name), otherwise)


def parse(data: bytes) -> Element:
    """The root of a document. Raises XmlError.

    A document type is refused, and with it every entity that a document could declare: none can grow ("billion
    laughs") or read something. How long it takes and how much memory is bounded by the length of `data`.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    path: list[tuple[Element, list[str]]] = [(Element(""), [])]
    count = 0

    def start(name: str, _attributes: object) -> None:
        nonlocal count
        count += 1
        if len(path) > DEPTH_MOST or count > ELEMENTS_MOST:
            raise XmlError("it has too many elements")
        element = Element(name.rpartition(" ")[2])
        path[-1][0].children.append(element)
        path.append((element, []))

    def end(_name: str) -> None:
        element, texts = path.pop()
        element.text = "".join(texts)

    def text(data: str) -> None:
        path[-1][1].append(data)

    def refuse(*_: Any) -> None:
        raise XmlError("it has a document type")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except XmlError:
        raise
    except (expat.ExpatError, ValueError, LookupError) as reason:  # the last two: an encoding that is none
        raise XmlError(str(reason)) from reason
    return path[0][0].children[0]
