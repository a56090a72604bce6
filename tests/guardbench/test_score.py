"""The leak score must find what leaks, wherever it is and however little, and nothing else."""

from __future__ import annotations

import json

import pytest
from bench.guardbench import score, speech
from bench.guardbench.cases import CASES, DOORS, EACH, LEAD, TAIL, WHOLE, Case, asked, benign_prompt, prompt

from upstream_text import SECRETS

PATHS = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}


def answered(case: Case, *, stream: bool) -> bytes:
    """What arrives where nothing stands between."""
    return b"".join(speech.stream(case, PATHS[case.door])) if stream else speech.whole(case, PATHS[case.door])


@pytest.mark.parametrize("door", DOORS)
def test_with_no_guard_every_character_of_every_case_arrives(door: str):
    for case in CASES:
        if case.door == door:
            assert score.delivered(answered(case, stream=case.stream), case.secret) == set(range(len(case.secret))), (
                case
            )


@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize("door", DOORS)
def test_an_envelope_alone_is_no_leak(kind: str, door: str):
    for stream in (True, False):
        case = Case(door, kind, "content", WHOLE, stream)
        silent = answered(case, stream=stream).replace(case.secret.encode(), "[不显示]".encode())
        assert score.delivered(silent, case.secret) == set()


@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize("length", [1, 2, 5])
def test_the_first_characters_alone_are_a_leak(kind: str, length: int):
    secret = SECRETS[kind]
    body = json.dumps({"choices": [{"index": 0, "message": {"content": LEAD + secret[:length] + "###" + TAIL}}]})
    assert score.delivered(body.encode(), secret) == set(range(length))


@pytest.mark.parametrize("kind", SECRETS)
def test_the_last_characters_alone_are_a_leak(kind: str):
    secret = SECRETS[kind]
    body = json.dumps({"choices": [{"index": 0, "message": {"content": LEAD + "###" + secret[-1:] + TAIL}}]})
    assert score.delivered(body.encode(), secret) == {len(secret) - 1}


def test_pieces_are_joined_by_their_place_and_not_across_places():
    secret = SECRETS["term"]
    deltas = [(0, LEAD + secret[:3]), (1, secret[3:]), (0, "。")]
    chunks = [{"choices": [{"index": index, "delta": {"content": text}}]} for index, text in deltas]
    body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks).encode()
    assert score.delivered(body, secret) == set(range(7))  # three after LEAD, and four in a row in the other choice
    assert score.heard(body)[None, None, None, None, None, "choices", 0, "delta", "content"] == LEAD + secret[:3] + "。"


def test_what_is_no_json_is_searched_too():
    secret = SECRETS["email"]
    assert score.delivered(f"data: {secret}\n\n".encode(), secret) == set(range(len(secret)))


def test_content_is_read_streamed_and_whole():
    for stream in (True, False):
        case = Case("chat", "term", "content", EACH if stream else WHOLE, stream, 2, 0)
        assert score.said(answered(case, stream=stream)) == LEAD + case.secret + TAIL


def test_a_request_names_its_case_however_it_was_rewritten():
    assert asked(json.dumps({"input": [{"text": prompt(17)}]}).encode()) == CASES[17]
    assert isinstance(asked(benign_prompt(3).encode()), str)
    assert asked(b'{"messages": []}') is None


def test_every_place_is_cut():
    cuts = {case.cut for case in CASES if case.door == "chat" and case.kind == "mobile" and case.channel == "reasoning"}
    assert cuts == {WHOLE, EACH, *range(len(SECRETS["mobile"]) + 1)}
    assert all("".join(case.pieces).count(case.written) == 1 for case in CASES)
