"""guiju.cli.review: texts in, verdicts out, in order, over all cores, with nothing lost and clear errors."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from guiju.cli import review
from guiju.cli.main import main

IDENTITY = "11010519491231002X"


def run(words: list[str], given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "guiju.cli.main", "review", *words]
    return subprocess.run(command, input=given, capture_output=True, check=False, timeout=60)


def rows(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def test_one_text_a_line_gets_one_line_each_numbered(home: Path):
    done = run([], "你好\n\n请告诉我制毒方法".encode())
    assert done.returncode == 0, done.stderr
    assert [(row["id"], row["action"]) for row in rows(done)] == [(1, "allow"), (2, "allow"), (3, "refuse")]
    assert rows(done)[2]["findings"] == [
        {"class": "A.1.h.drugs", "detector": "lexicon", "score": 1.0, "start": 4, "end": 8, "rule": "drugs:1"}
    ]


def test_json_lines_keep_their_ids_and_directions(home: Path):
    given = [
        {"id": "a", "text": "电话13812345678", "direction": "input", "label": 1},
        {"id": 7, "text": "电话13812345678", "direction": "output"},
        {"id": None, "text": "好"},
        {"text": "好"},
    ]
    done = run([], "\n".join(json.dumps(row) for row in given).encode())
    assert done.returncode == 0
    out = rows(done)
    assert [row["id"] for row in out] == ["a", 7, None, 4]
    assert [row["action"] for row in out] == ["allow", "mask", "allow", "allow"]
    assert out[1]["text"] == "电话[手机号]"
    assert "text" not in out[0]
    assert set(out[1]) == {"id", "action", "text", "findings"}
    assert set(out[1]["findings"][0]) == {"class", "detector", "score", "start", "end", "rule"}


def test_offsets_are_characters_of_the_text_given(home: Path):
    text = "😀ＩＤ：" + IDENTITY.replace("X", "Ｘ") + "。制\u200b毒\u200b方法"
    done = run([], json.dumps({"text": text}).encode())
    found = {f["class"]: text[f["start"] : f["end"]] for f in rows(done)[0]["findings"]}
    assert found["I.resident_id"] == IDENTITY.replace("X", "Ｘ")
    assert found["A.1.h.drugs"] == "制\u200b毒\u200b方法"


def test_the_direction_option_holds_where_a_line_says_none(home: Path):
    done = run(["--direction", "output"], "电话13812345678\n".encode())
    assert rows(done)[0]["action"] == "mask"


def test_a_secret_of_many_parts_is_one_finding(home: Path):
    body = "\\n".join(["MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7"] * 20)
    key = f"-----BEGIN PRIVATE KEY-----\\n{body}\\n-----END PRIVATE KEY-----"
    done = run([], f'{{"text":"key: {key} end"}}\n'.encode())
    (row,) = rows(done)
    assert row["text"] == "key: [私钥] end"
    keys = [f for f in row["findings"] if f["class"] == "I.private_key"]
    assert [(f["start"]) for f in keys] == [5]


@pytest.mark.parametrize(
    ("action", "text", "code"),
    [
        ("refuse", "制毒方法", 1),
        ("mask", "制毒方法", 1),
        ("block", "制毒方法", 0),
        ("mask", IDENTITY, 1),
        ("refuse", IDENTITY, 0),
        ("mask", "你好", 0),
    ],
)
def test_fail_on_fails_from_that_action_on(home: Path, action: str, text: str, code: int):
    done = run(["--fail-on", action], f"你好\n{text}\n".encode())
    assert done.returncode == code
    assert len(rows(done)) == 2


def test_a_bad_line_is_told_with_its_number_and_costs_no_other(home: Path):
    wrong = [
        b'{"text":5}',
        b'{"txt":"b"}',
        b'{"text":"c","direction":"sideways"}',
        b"",
        b"nonsense",
        b'{"text":"\xff"}',
    ]
    given = b"\n".join([b'{"text":"a"}', *wrong, b'{"text":"d"}'])
    done = run(["--fail-on", "mask"], given)
    assert done.returncode == 2
    assert [row["id"] for row in rows(done)] == [1, 8]
    said = done.stderr.decode()
    for line in (2, 3, 4, 6, 7):
        assert f"standard input:{line}:1: " in said
    assert "5 lines could not be read; all others were." in said


def test_text_that_is_no_utf_8_is_told_with_its_number(home: Path):
    done = run([], b"good\n\xff\xfe\nbetter\n")
    assert (done.returncode, [row["id"] for row in rows(done)]) == (2, [1, 3])
    assert b"standard input:2:1: this isn't UTF-8" in done.stderr


def test_a_byte_order_mark_and_windows_line_ends_are_no_text(home: Path):
    done = run([], b'\xef\xbb\xbf{"id":"a","text":"x"}\r\n{"id":"b","text":"y"}\r\n')
    assert [row["id"] for row in rows(done)] == ["a", "b"]


def test_only_a_line_feed_ends_a_text(home: Path):
    done = run([], "一\u2028二\x0b三\n四\n".encode())
    assert len(rows(done)) == 2


def test_texts_that_begin_with_a_brace_can_be_read_as_texts(home: Path):
    done = run(["--format", "text"], b"{not json}\n{nor this}\n")
    assert (done.returncode, len(rows(done))) == (0, 2)


def test_no_input_is_no_output(home: Path):
    done = run([])
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_many_processes_answer_as_one_does_and_in_order(home: Path, tmp_path: Path):
    texts = tmp_path / "many.txt"
    texts.write_text(
        "".join(f"第{i}行，{'制毒方法' if i % 97 == 0 else '天气很好' * (i % 30)}\n" for i in range(8000)),
        encoding="utf-8",
    )
    one, three = run([str(texts), "--processes", "1"]), run([str(texts), "--processes", "3"])
    assert texts.stat().st_size > 4 * review.BATCH
    assert one.stdout == three.stdout
    assert [row["id"] for row in rows(three)] == list(range(1, 8001))
    assert sum(row["action"] == "refuse" for row in rows(three)) == 83


def test_one_line_longer_than_a_batch_is_one_text(home: Path):
    long = "天气很好。" * 30_000 + "制毒方法"
    done = run([], f"{long}\n短\n".encode())
    assert [row["action"] for row in rows(done)] == ["refuse", "allow"]
    assert rows(done)[0]["findings"][0]["start"] == 150_000


def test_a_slow_pipe_is_answered_line_by_line(home: Path):
    command = [sys.executable, "-m", "guiju.cli.main", "review", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for text, action in (("你好", "allow"), ("制毒方法", "refuse")):
            process.stdin.write(f"{text}\n".encode())
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["action"] == action  # comes before the input ends
        process.stdin.close()
        assert process.wait(20) == 0


def test_own_policy_and_lexicon_come_in_place_of_the_active_ones(home: Path, tmp_path: Path):
    policy, terms = tmp_path / "p.yaml", tmp_path / "terms.csv"
    policy.write_text("name: p\nrules:\n  - {class: A.1.a, action: escalate}\n", encoding="utf-8")
    terms.write_text("甲乙丙\n", encoding="utf-8")
    done = run(
        ["--policy", str(policy), "--lexicon", str(terms), "--class", "A.1.a", "--fail-on", "escalate"],
        "甲乙丙\n制毒方法\n".encode(),
    )
    assert done.returncode == 1
    assert [row["action"] for row in rows(done)] == ["escalate", "allow"]
    assert rows(done)[0]["findings"][0]["rule"] == "terms:1"


def test_a_wrong_policy_file_is_shown_in_its_place(home: Path, tmp_path: Path):
    policy = tmp_path / "p.yaml"
    policy.write_text("name: p\nrules:\n  - {class: A.1.a, action: alow}\n", encoding="utf-8")
    done = run(["--policy", str(policy)], b"x\n")
    assert done.returncode == 2
    assert f"{policy}:3:28: action `alow` is unknown" in done.stderr.decode()
    assert "one of: allow, mask, refuse, block, escalate" in done.stderr.decode()


def test_a_file_that_is_not_there_is_one_sentence(home: Path, capfd: pytest.CaptureFixture[str]):
    assert main(["review", "/nowhere/at/all"]) == 2
    assert "/nowhere/at/all:1:1: this file can't be read: No such file or directory" in capfd.readouterr().err


def test_an_interruption_ends_it_without_a_trace(home: Path, tmp_path: Path):
    file = tmp_path / "f"
    file.write_text("今天天气很好，我们去公园。\n" * 1_000_000, encoding="utf-8")
    command = [sys.executable, "-m", "guiju.cli.main", "review", str(file), "--processes", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        for _ in range(20_000):  # by then the other processes are at work
            process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (130, b"")


@pytest.mark.parametrize("count", ["0", "-2", "many"])
def test_a_number_of_processes_that_is_none_is_refused(home: Path, count: str):
    assert run([f"--processes={count}"], b"x\n").returncode == 2


def test_the_bar_tells_the_share_of_a_file_and_only_a_count_of_a_pipe(tmp_path: Path):
    file = tmp_path / "f"
    file.write_bytes(b"x\n" * 50)
    with review.opened(str(file)) as source:
        bar = review.Progress(source)
        bar.add(review.Answer(b"", 0, [], 25, 50))
        assert bar.line(0.5) == f"[{'█' * 15}{'·' * 15}]  50%  25 lines, 50/s"
    reading, writing = os.pipe()
    os.close(writing)
    with open(reading, "rb", buffering=0) as pipe:
        count = review.Progress(pipe)  # type: ignore[arg-type]
    count.add(review.Answer(b"", 0, [], 2000, 50))
    assert count.line(2.0) == "2,000 lines, 1,000/s"


def test_the_bar_is_drawn_on_a_terminal_and_wiped_in_the_end(home: Path, tmp_path: Path):
    file = tmp_path / "f"
    file.write_bytes(b"x\n" * 50)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "guiju.cli.main", "review", str(file)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, check=False, timeout=60)
    os.close(theirs)
    shown = os.read(ours, 65_536).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "100%  50 lines" in shown
    assert shown.endswith("\r\x1b[K")
    assert len(done.stdout.splitlines()) == 50
