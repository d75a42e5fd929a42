"""The text of each page of a PDF as Chromium writes it (Skia: flate streams, fonts with ToUnicode)."""

from __future__ import annotations

import re
import zlib

_OBJECT = re.compile(rb"(\d+) 0 obj(.*?)endobj", re.S)
_LENGTH = re.compile(rb"/Length (\d+)\b(?! \d+ R)")
_BEGIN = re.compile(rb"\bstream\r?\n")
_SHOWN = re.compile(rb"/(\S+) [\d.]+ Tf|<([0-9A-Fa-f]+)>")


def page_texts(pdf: bytes) -> list[str]:
    """Text of the pages in order, without any white space: a PDF places words, it has no spaces."""
    objects = {int(number): body for number, body in _OBJECT.findall(pdf)}
    pages = [b for _, b in sorted(objects.items()) if re.search(rb"/Type\s*/Page\b", b)]
    assert len(pages) == len(re.findall(rb"/Type\s*/Page\b", pdf))
    return [_page_text(body, objects) for body in _in_order(pages, objects, pdf)]


def _in_order(pages: list[bytes], objects: dict[int, bytes], pdf: bytes) -> list[bytes]:
    """As the tree of pages lists them."""
    listed = [
        int(n)
        for kids in re.findall(rb"/Kids\s*\[([^\]]*)\]", pdf)
        for n in re.findall(rb"(\d+) 0 R", kids)
    ]
    ordered = [objects[n] for n in listed if objects[n] in pages]
    assert len(ordered) == len(pages)
    return ordered


def _page_text(body: bytes, objects: dict[int, bytes]) -> str:
    fonts = {
        name: _letters(objects[int(number)], objects)
        for name, number in re.findall(rb"/(F\d+) (\d+) 0 R", body)
    }
    content = re.search(rb"/Contents (\d+) 0 R", body)
    assert content
    shown, font = [], {}
    for name, glyphs in _SHOWN.findall(_stream(objects[int(content[1])])):
        if name:
            font = fonts.get(name, {})
        else:
            codes = [glyphs[i : i + 4].upper() for i in range(0, len(glyphs), 4)]
            shown.append("".join(font.get(code, "") for code in codes))
    return "".join("".join(shown).split())


def _letters(font: bytes, objects: dict[int, bytes]) -> dict[bytes, str]:
    """Glyph to text, from the font's ToUnicode map."""
    reference = re.search(rb"/ToUnicode (\d+) 0 R", font)
    if reference is None:
        return {}
    found: dict[bytes, str] = {}
    cmap = _stream(objects[int(reference[1])])
    for block in re.findall(rb"beginbfchar(.*?)endbfchar", cmap, re.S):
        for code, text in re.findall(rb"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>", block):
            found[code.upper()] = bytes.fromhex(text.decode()).decode("utf-16-be")
    for block in re.findall(rb"beginbfrange(.*?)endbfrange", cmap, re.S):
        for low, high, text in re.findall(
            rb"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>", block
        ):
            for offset in range(int(high, 16) - int(low, 16) + 1):
                code = f"{int(low, 16) + offset:04X}".encode()
                found[code] = chr(int(text, 16) + offset)
    return found


def _stream(body: bytes) -> bytes:
    length, begin = _LENGTH.search(body), _BEGIN.search(body)
    assert length
    assert begin
    found = body[begin.end() : begin.end() + int(length[1])]
    return zlib.decompress(found) if b"/FlateDecode" in body[: begin.start()] else found
