"""guiju.review.explain: the caller learns why and where to object, never which term; the operator learns everything."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from guiju import plugins
from guiju.errors import KeyRevoked, ServiceSuspended
from guiju.review import explain, load
from guiju.review.judge import Reviewer
from guiju.review.lexicon_blob import encode_terms
from guiju.types import Action, Verdict

EXCHANGE, BASE = "ex_01J00000000000000000000000", "http://localhost:8787/"


@pytest.fixture(scope="module")
def reviewer() -> Reviewer:
    blobs = {name: encode_terms(terms) for name, terms in load.default_lexicons().items()}
    return plugins.reviewer(load.default_policy(), blobs, load.taxonomy().placeholder)


def refused(reviewer: Reviewer, text: str) -> Verdict:
    verdict = reviewer.review(text, direction="input")
    assert verdict.action is Action.REFUSE
    return verdict


@pytest.mark.parametrize(("language", "name"), [("zh", "毒品"), ("en", "illegal drugs")])
@pytest.mark.parametrize("begun", [False, True])
def test_a_refused_user_learns_class_basis_number_and_where_to_object(
    reviewer: Reviewer, language: str, name: str, begun: bool
):
    verdict = refused(reviewer, "请告诉我制毒方法")
    text = explain.refusal_text(
        verdict, load.taxonomy(), exchange=EXCHANGE, base_url=BASE, language=language, begun=begun
    )
    assert name in text
    assert load.taxonomy().basis("A.1.h.drugs", language) in text
    assert f"http://localhost:8787/objections/{EXCHANGE}/" in text


@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_refusal_says_the_term_the_place_or_our_rule(reviewer: Reviewer, language: str):
    for name, terms in load.default_lexicons().items():
        for term in terms[:20]:
            verdict = reviewer.review(term.text, direction="input")
            if verdict.serves:
                continue
            text = explain.refusal_text(verdict, load.taxonomy(), exchange=EXCHANGE, base_url=BASE, language=language)
            assert f"{name}:" not in text
            told = {load.taxonomy().name(term.cls, language)}
            assert term.text not in text or any(term.text in t for t in told), text


def test_self_harm_is_answered_with_help_lines_in_both_languages(reviewer: Reviewer):
    verdict = refused(reviewer, "我想自杀")
    chinese = explain.refusal_text(verdict, load.taxonomy(), exchange=EXCHANGE, base_url=BASE, language="zh")
    english = explain.refusal_text(verdict, load.taxonomy(), exchange=EXCHANGE, base_url=BASE, language="en")
    assert "自杀与自残" in chinese
    assert "依据" in chinese
    for number in ("12356", "120", "110", EXCHANGE, "/objections/"):
        assert number in chinese
        assert number in english
    assert "988" in english


def test_a_class_without_a_basis_leaves_no_empty_one(reviewer: Reviewer):
    verdict = refused(reviewer, "请告诉我制毒方法")
    bare = type(load.taxonomy())("A: {zh: 甲, en: a}\nA.1: {}\nA.1.h: {}\nA.1.h.drugs: {}\n")
    text = explain.refusal_text(verdict, bare, exchange=EXCHANGE, base_url=BASE, language="zh")
    assert "依据" not in text


def test_the_operator_learns_rule_offsets_and_canonical_form(reviewer: Reviewer):
    text = "请告诉我 制 毒 方法，谢谢"
    (judged,) = refused(reviewer, text).judged
    told = explain.for_operator(judged, load.taxonomy(), "zh", text)
    finding = judged.finding
    assert told.startswith(f"第 {finding.start}–{finding.end} 字符“制 毒 方法”（规范形式“制 毒 方法”）")
    assert f"规则 {finding.rule} 命中“毒品”" in told
    assert "策略规则 high 决定 refuse" in told
    assert "illegal drugs" in explain.for_operator(judged, load.taxonomy(), "en", text)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_operator_sees_no_text_unless_it_is_handed_in(reviewer: Reviewer, language: str):
    for judged in refused(reviewer, "请告诉我制毒方法").judged:
        assert "制毒" not in explain.for_operator(judged, load.taxonomy(), language)


@pytest.mark.parametrize(
    ("error", "words"),
    [(ServiceSuspended, {"zh": "本服务已暂停", "en": "suspended"}), (KeyRevoked, {"zh": "密钥已被吊销", "en": "key"})],
)
def test_what_ends_a_running_answer_says_what_was_decided_and_where_to_object(error: type, words: dict[str, str]):
    for language, word in words.items():
        told = explain.interrupted_text(error.code, exchange=EXCHANGE, base_url="https://x.test/", language=language)
        assert word in told
        assert f"https://x.test/objections/{EXCHANGE}/" in told


@pytest.mark.parametrize(
    ("header", "text", "default", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "hello", "en", "zh"),
        ("en;q=0.3, zh-Hans;q=0.7", "hello", "en", "zh"),
        ("EN-us", "你好", "zh", "en"),
        ("fr-FR, en;q=0.1", "你好", "zh", "en"),
        ("zh;q=0, en;q=0.5", "你好", "zh", "en"),
        ("fr, *;q=0.5", "你好吗", "en", "zh"),
        ("zh;q=high", "hello there", "zh", "en"),
        ("", "请用 Python 写 quicksort", "en", "zh"),
        ("", "Translate 你好世界 to English, please", "zh", "en"),
        ("", "12345 ?!", "zh", "zh"),
        ("", "", "en", "en"),
    ],
)
def test_the_header_then_the_prompt_then_the_service_pick_the_language(
    header: str, text: str, default: str, language: str
):
    assert explain.language_of(header, text, default) == language


def test_what_every_detector_of_ours_says_of_its_reason_has_its_chinese():
    said: set[str] = set()
    for path in Path(explain.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                given = [k.value for k in node.keywords if k.arg == "why"] + node.args[3:4] * _is(node, "Hit")
            else:
                given = [node.value] if isinstance(node, ast.Assign) and _is(node.targets[0], "why") else []
            said |= {value.value for value in given if isinstance(value, ast.Constant) and value.value}
    assert len(said) > 10
    assert said == set(explain._WHY)


def _is(node: ast.AST, name: str) -> bool:
    return getattr(getattr(node, "func", node), "id", "") == name
