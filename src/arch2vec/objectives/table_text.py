"""Text as people's programs write it, made into what a parser of delimited text reads.

The encoding is told by the byte order mark, or by the zeros that UTF-16 has in it; the delimiter (comma,
semicolon, tab, bar, or blanks) by the header. Lines that start with ``#`` are left out, but for one that
names the columns where no other does, as NumPy writes it.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from pathlib import Path

from arch2vec.errors import InputError

_DELIMITERS = (",", ";", "\t", "|")
_LOOKED_AT = 1 << 16  # bytes by which an encoding and a delimiter are told
_COMMENT = re.compile(rb"^[ \t]*(?:#[^\n]*)?\r?\n|^[ \t]*#[^\n]*\Z", re.MULTILINE)
_NAMES_IN_COMMENT = re.compile(rb"#[ \t]*([^\n]*?)\r?\n(?![ \t]*#)")
_DELIMITER_SAID = re.compile(rb'\s*"?sep=(.)"?\r?\n')  # by spreadsheets, in the first line
_BLANKS = re.compile(rb'("[^"\n]*")|[ \t]+')
_MARKS = (  # the longer ones first: one starts with another
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHERS = {
    b"PK\x03\x04": "an archive or a spreadsheet",
    b"\xd0\xcf\x11\xe0": "a spreadsheet",
    b"\x89HDF": "HDF5",
    b"\x93NUMPY": "a NumPy array",
    b"\x80": "a pickle",
    b"SQLite": "an SQLite database",
    b"ARROW1": "Arrow's or Feather's format",
    b"{": "JSON",
    b"[": "JSON",
}


def plain_text(path: Path, content: bytes) -> tuple[bytes, str]:
    """UTF-8 without comments, and the delimiter of its columns.

    Raises:
        InputError: it is in another encoding, another kind of file, or its first line doesn't name the columns.
    """
    kind = next(
        (kind for magic, kind in _OTHERS.items() if content.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(magic)), None
    )
    if kind is not None:
        raise InputError(
            f"cannot read {path}: it is {kind}; Parquet or delimited text is right, which whatever wrote it can write "
            "(pandas: frame.to_csv(FILE, index=False))"
        )
    content = _decoded(path, content)
    if b"\r" in content and b"\n" not in content:
        content = content.replace(b"\r", b"\n")
    said = _DELIMITER_SAID.match(content)
    if said is not None:
        content = content[said.end() :]
    if b"#" in content:
        content = _without_comments(content)
    delimiter = said[1].decode() if said is not None else _delimiter(content[:_LOOKED_AT])
    start = content[:_LOOKED_AT]
    if len(_fields(start, delimiter, 0)) == 1:
        if len(_fields(start, " ", 0)) > 1 and len(_fields(start, ",", 1)) == 1:
            lines = (
                _BLANKS.sub(lambda found: found[1] or b"\t", line.strip(b" \t\r")) for line in content.split(b"\n")
            )
            return b"\n".join(lines), "\t"
        header, _, rest = start.partition(b"\n")
        if len(_fields(rest, _delimiter(rest), 0)) > 1:
            shown = header[:60].decode(errors="replace").strip()
            raise InputError(
                f"{path}: the first line, {shown!r}, doesn't name the columns; start lines that are no rows with #"
            )
    return content, delimiter


def _decoded(path: Path, content: bytes) -> bytes:
    start = content[:_LOOKED_AT]
    encoding = next((encoding for mark, encoding in _MARKS if start.startswith(mark)), None)
    if encoding is None and b"\0" in start:
        # Of Latin letters and digits one byte of the two is zero.
        even, odd = start[::2].count(0), start[1::2].count(0)
        encoding = "utf-16-be" if even > odd else "utf-16-le"
    try:
        if encoding is not None:
            return content.decode(encoding).encode()
        content.decode()
        return content.removeprefix(codecs.BOM_UTF8)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(
            f"cannot read {path}: not UTF-8 (byte {content[error.start]:#x} in line {line}); if it is Latin-1 or "
            f"Windows-1252, convert it: iconv -f WINDOWS-1252 -t UTF-8 {path} > NEW_FILE"
        ) from error


def _without_comments(content: bytes) -> bytes:
    names, rest = _NAMES_IN_COMMENT.search(content), _COMMENT.sub(b"", content)
    if names is None or not content.lstrip().startswith(b"#"):
        return rest
    delimiter = _delimiter(names[1])
    first, commented = _fields(rest, delimiter, 0), _fields(names[1], delimiter, 0)
    if len(first) == len(commented) > 1 and any(map(_is_number, first)) and not any(map(_is_number, commented)):
        return names[1] + b"\n" + rest
    return rest


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def _fields(content: bytes, delimiter: str, line: int) -> list[str]:
    """What a line holds, nothing where there is none."""
    lines = content.split(b"\n", line + 1)
    text = lines[line].decode(errors="replace").strip("\r") if line < len(lines) else ""
    return next(csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True), [])


def _delimiter(start: bytes) -> str:
    """What separates the columns of text: that which makes most of them in the header."""
    return max(_DELIMITERS, key=lambda delimiter: len(_fields(start, delimiter, 0)))
