"""`guiju review`: texts in, verdicts out, without serving anything. For trying policies out and for CI.

    lines ──► batches of whole lines ──► here, or over all cores where input is waiting ──► JSON Lines, in order

Judging is guiju.review; this reads, shares out and prints. A line that can't be read is told on standard error with
its number; all others are answered all the same, and the exit code is 2. Prints no field but the documented ones.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import stat
import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, BinaryIO, Literal, NamedTuple

import msgspec

from guiju import clock, plugins
from guiju.cli import options
from guiju.cli.main import FOUND, OK, USAGE
from guiju.cli.review_setup import Setup, setup
from guiju.cli.words import language, say
from guiju.config import load
from guiju.errors import InputFileError, Said
from guiju.quoted import quoted
from guiju.review.judge import Reviewer
from guiju.types import Action, Direction, Finding, Verdict

BATCH = 65_536
"""Bytes that are read at once. A full batch means that more input is waiting: then the work is shared out."""
AHEAD = 4
"""Batches per process that may wait to be judged, so that memory stays bounded however long the input is."""

Format = Literal["auto", "text", "jsonl"]


class Row(msgspec.Struct):
    """One line of JSON Lines input; other fields are passed over."""

    text: str
    id: Any = msgspec.UNSET
    direction: Direction | msgspec.UnsetType = msgspec.UNSET


class Batch(NamedTuple):
    """Whole lines of the input."""

    first: int
    """Number of the first line, from 1."""
    lines: list[bytes]
    size: int
    """Bytes of the input that it stands for."""


class Answer(NamedTuple):
    """What became of a batch."""

    output: bytes
    """JSON Lines."""
    worst: int
    """The most severe action: `Action.severity`."""
    problems: list[tuple[int, str, str]]
    """(line, what is wrong, the line's text) of lines that could not be read."""
    lines: int
    size: int


class Way(NamedTuple):
    """How texts are judged in this run."""

    direction: Direction
    audience: str
    format: Literal["text", "jsonl"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options. Without any: standard input, the active policy and lexicons."""
    parser.add_argument(
        "file",
        nargs="?",
        default="-",
        metavar="FILE",
        help=Said("texts, '-' for standard input (default)", "文本文件；“-”表示标准输入（默认）"),
    )
    options.direction(parser)
    parser.add_argument(
        "--policy",
        metavar="FILE",
        help=Said("a policy file in place of the active policy", "策略文件，代替当前生效的策略"),
    )
    options.lexicons(parser)
    parser.add_argument(
        "--class",
        dest="cls",
        metavar="CLASS",
        default="",
        help=Said("class of terms that say none", "未写类别的词条归入的类别"),
    )
    parser.add_argument(
        "--service",
        metavar="NAME",
        default="",
        help=Said("whose policy and audience (default: the first)", "采用哪个服务的策略和受众（默认：第一个）"),
    )
    parser.add_argument(
        "--audience",
        choices=("general", "minors", "professional"),
        help=Said("default: the service's", "默认：服务的受众"),
    )
    parser.add_argument(
        "--fail-on",
        choices=[a.value for a in Action if a is not Action.ALLOW],
        help=Said(
            "exit code 1 where a text meets this action or a more severe one",
            "有文本的处置达到或严于此项时，退出码为 1",
        ),
    )
    parser.add_argument(
        "--format",
        choices=("auto", "text", "jsonl"),
        default="auto",
        help=Said(
            "one text a line, or JSON Lines; auto: JSON Lines where most lines begin with '{'",
            "每行一条文本，或 JSON Lines；auto：多数行以 '{' 开头时按 JSON Lines",
        ),
    )
    parser.add_argument(
        "--processes", type=_count, metavar="N", help=Said("default: one per core", "默认：每个 CPU 核心一个")
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help=Said(
            "the output is always JSON Lines; taken for uniformity", "输出始终为 JSON Lines；此选项只为与其他命令一致"
        ),
    )


def _count(word: str) -> int:
    if not word.isdecimal() or not 0 < int(word) <= 1024:
        raise argparse.ArgumentTypeError(
            say("'{word}' is no number of processes from 1 to 1024", "“{word}”不是 1 到 1024 的进程数", word=word)
        )
    return int(word)


def run(args: argparse.Namespace) -> int:
    """Review everything; returns the exit code."""
    made = setup(load(), policy=args.policy, lexicons=args.lexicon, cls=args.cls, service=args.service)
    name = say("standard input", "标准输入") if args.file == "-" else args.file
    worst, bad = 0, 0
    with opened(args.file) as source:
        batches = read(source)
        first = next(batches, None)
        if first is None:
            return OK
        way = Way(args.direction, args.audience or made.audience, recognised(args.format, first))
        progress = Progress(source)
        for answer in answers(first, batches, made, way, args.processes or os.cpu_count() or 1, source):
            sys.stdout.buffer.write(answer.output)
            sys.stdout.buffer.flush()
            worst = max(worst, answer.worst)
            progress.add(answer)
            for line, problem, text in answer.problems:
                bad += 1
                progress.clear()
                sys.stderr.write(f"{_located(name, line, problem, text)}\n")
        progress.clear()
    if bad:
        said = say(
            "guiju review: {n} line{s} could not be read; all others were.\n",
            "guiju review：有 {n} 行无法读取，其余均已审查。\n",
            n=bad,
            s="s" if bad > 1 else "",
        )
        sys.stderr.write(said)
        return USAGE
    return FOUND if args.fail_on and worst >= Action(args.fail_on).severity else OK


def opened(file: str) -> BinaryIO:
    """The input, unbuffered. Raises: InputFileError."""
    if file == "-":
        return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)
    try:
        return open(file, "rb", buffering=0)
    except OSError as problem:
        said = Said("this file can't be read: {problem}", "无法读取该文件：{problem}", problem=quoted(problem))
        raise InputFileError(file=file, line=1, column=1, problem=said) from None


# --- reading -----------------------------------------------------------------------------------------


def read(source: BinaryIO) -> Iterator[Batch]:
    """The input in batches of whole lines, as soon as they are there."""
    number = 1
    rest: list[bytes] = []
    while data := source.read(BATCH):
        cut = data.rfind(b"\n") + 1
        if not cut:
            rest.append(data)
            continue
        whole = b"".join([*rest, data[:cut]])
        rest = [data[cut:]] if cut < len(data) else []
        lines = whole[:-1].split(b"\n")
        yield Batch(number, lines, len(whole))
        number += len(lines)
    if rest:
        whole = b"".join(rest)
        yield Batch(number, [whole], len(whole))


def recognised(wanted: Format, first: Batch) -> Literal["text", "jsonl"]:
    """Which of the two formats the input has."""
    if wanted != "auto":
        return wanted
    heads = [line.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] for line in first.lines if line.strip()]
    return "jsonl" if heads and 2 * heads.count(b"{") >= len(heads) else "text"


# --- judging -----------------------------------------------------------------------------------------

_reviewer: Reviewer
"""Of this process; compiled once."""


def begin(made: Setup) -> None:
    """Compile the reviewer of this process."""
    global _reviewer
    _reviewer = plugins.reviewer(made.policy, made.lexicons, plugins.taxonomy().placeholder)


def begin_beside(made: Setup) -> None:
    """The same in a process of the pool: a Ctrl-C is its parent's to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    begin(made)


def judge(batch: Batch, way: Way) -> Answer:
    """Every line of a batch."""
    out: list[bytes] = []
    problems: list[tuple[int, str, str]] = []
    worst = 0
    for number, line in enumerate(batch.lines, batch.first):
        if way.format == "jsonl" and not line.strip():
            continue
        try:
            row = parsed(line, number, way.format)
        except (msgspec.DecodeError, UnicodeDecodeError) as problem:
            unreadable = isinstance(problem, UnicodeDecodeError)
            said = Said("this isn't UTF-8", "不是 UTF-8 编码") if unreadable else quoted(problem)
            problems.append((number, said, line[:200].decode("utf-8", "replace")))
            continue
        direction = way.direction if row.direction is msgspec.UNSET else row.direction
        verdict = _reviewer.review(row.text, direction=direction, audience=way.audience)  # type: ignore[arg-type]
        worst = max(worst, verdict.action.severity)
        out.append(msgspec.json.encode(record(number if row.id is msgspec.UNSET else row.id, verdict)))
    return Answer(b"".join(line + b"\n" for line in out), worst, problems, len(batch.lines), batch.size)


_rows = msgspec.json.Decoder(Row)


def parsed(line: bytes, number: int, form: str) -> Row:
    """A line of the input, the first one perhaps with a byte order mark. Raises: msgspec.DecodeError, UnicodeDecodeError."""
    line = line.removesuffix(b"\r")
    if number == 1:
        line = line.removeprefix(b"\xef\xbb\xbf")
    return Row(line.decode("utf-8")) if form == "text" else _rows.decode(line)


def record(ident: Any, verdict: Verdict) -> dict[str, Any]:
    """One line of the output."""
    said: dict[str, Any] = {"id": ident, "action": verdict.action.value}
    if verdict.text is not None:
        said["text"] = verdict.text
    said["findings"] = [
        {"class": f.cls, "detector": f.detector, "score": f.score, "start": f.start, "end": f.end, "rule": f.rule}
        for f in joined([judged.finding for judged in verdict.judged])
    ]
    return said


def joined(findings: list[Finding]) -> list[Finding]:
    """Findings that go on, and those that continue them, as one each."""
    whole: list[Finding] = []
    for found in findings:
        before = whole[-1] if whole else None
        if before is not None and before.going_on and before.rule == found.rule and before.end == found.start:
            whole[-1] = msgspec.structs.replace(before, end=found.end, going_on=found.going_on)
        else:
            whole.append(found)
    return whole


def answers(
    first: Batch, more: Iterator[Batch], made: Setup, way: Way, processes: int, source: BinaryIO
) -> Iterator[Answer]:
    """Every batch's answer, in the input's order.

    Small batches are judged here, at once, so that a slow pipe is answered line by line; once a full one comes, there
    is enough to do for all cores.
    """
    waiting: deque[Future[Answer]] = deque()
    pool: ProcessPoolExecutor | None = None
    begin(made)
    try:
        batch: Batch | None = first
        while batch is not None:
            if processes > 1 and (pool is not None or batch.size >= BATCH // 2):
                pool = pool or ProcessPoolExecutor(processes, initializer=begin_beside, initargs=(made,))
                waiting.append(pool.submit(judge, batch, way))
            else:
                yield judge(batch, way)
            while waiting and (len(waiting) > AHEAD * processes or waiting[0].done() or not _ready(source)):
                yield waiting.popleft().result()
            batch = next(more, None)
        while waiting:
            yield waiting.popleft().result()
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)


def _ready(source: BinaryIO) -> bool:
    """Whether more input, or its end, is there already (a file always is)."""
    return bool(select.select([source], [], [], 0)[0])


# --- what people see ----------------------------------------------------------------------------------


def _located(name: str, line: int, problem: str, text: str) -> str:
    hint = Said("one JSON object a line, or --format text", "每行一个 JSON 对象，或用 --format text")
    if not text.lstrip().startswith("{"):
        hint = Said("", "")
    found = InputFileError(file=name, line=line, column=1, problem=problem, source_line=text[:100], hint=hint)
    return found.sentence(language())


class Progress:
    """A bar on standard error, where that is a terminal."""

    WIDTH = 30

    def __init__(self, source: BinaryIO) -> None:
        self._shown = sys.stderr.isatty()
        about = os.fstat(source.fileno())
        self._size = about.st_size if stat.S_ISREG(about.st_mode) else 0
        self._read = self._lines = 0
        self._began = clock.monotonic()

    def add(self, answer: Answer) -> None:
        """Count an answer and draw."""
        self._read += answer.size
        self._lines += answer.lines
        if self._shown:
            sys.stderr.write("\r\x1b[K" + self.line(clock.monotonic() - self._began))
            sys.stderr.flush()

    def line(self, seconds: float) -> str:
        """The bar as text; without a known size, a count."""
        rate = self._lines / max(seconds, 0.001)
        counted = say("{n:,} lines, {rate:,.0f}/s", "{n:,} 行，{rate:,.0f} 行/秒", n=self._lines, rate=rate)
        if not self._size:
            return counted
        share = min(1.0, self._read / self._size)
        full = int(share * self.WIDTH)
        return f"[{'█' * full}{'·' * (self.WIDTH - full)}] {share:4.0%}  {counted}"

    def clear(self) -> None:
        """Leave the terminal's line empty."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
