"""Files that people name on the command line, `-` for standard input, read as text."""

from __future__ import annotations

import sys
from pathlib import Path

from guiju.errors import BadRequest
from guiju.quoted import quoted


class CannotRead(BadRequest):
    text_en = "{file} can't be read: {problem}"
    text_zh = "无法读取 {file}：{problem}"


class NotText(BadRequest):
    text_en = "{file} isn't UTF-8 text (byte {byte}). Save it as UTF-8."
    text_zh = "{file} 不是 UTF-8 文本（字节偏移 {byte}）。请另存为 UTF-8。"


def text_of(file: str) -> str:
    """The whole of it, without a byte order mark.

    Raises:
        CannotRead, NotText
    """
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as problem:
        raise CannotRead(file=file, problem=quoted(problem)) from None
    except UnicodeDecodeError as problem:
        raise NotText(file=file, byte=problem.start) from None


def secret_of(file: str) -> str:
    """A key that a file holds, without what an editor leaves around it."""
    return text_of(file).strip()
