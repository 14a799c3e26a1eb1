"""XML in and out: small documents, without DTDs."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable
from xml.sax.saxutils import escape

from .errors import CosError

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


def element(name: str, text: object) -> str:
    """`<name>text</name>`, escaped."""
    return f"<{name}>{escape(str(text))}</{name}>"


def document(root: str, parts: Iterable[str]) -> bytes:
    """A document of ready-made elements."""
    return f"{HEAD}<{root}>{''.join(parts)}</{root}>".encode()


def parse(data: bytes, root: str) -> ET.Element:
    """Reads a document whose root has this name; namespaces are dropped.

    Raises CosError MalformedXML, also for a document type: entities have no place here.
    """
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise CosError("MalformedXML")
    try:
        tree = ET.fromstring(data)  # noqa: S314 - document types are refused above
    except ET.ParseError as error:
        raise CosError("MalformedXML") from error
    for node in tree.iter():
        node.tag = node.tag.rpartition("}")[2]
    if tree.tag != root:
        raise CosError("MalformedXML")
    return tree
