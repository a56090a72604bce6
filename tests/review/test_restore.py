"""Whatever a model says again of a reversible mask, however it is cut, is the value; nothing else is."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guiju import plugins
from guiju.review import load
from guiju.review.judge import Reviewer
from guiju.review.policy_file import parse_policy
from guiju.review.restore import LONGEST, MARK, Kept, Restorer, mark_of

POLICY = """
name: restoring
rules:
  - {id: restored, class: [I.mobile, I.email, I.resident_id], direction: input, action: mask, restore: true}
  - {id: secrets, class: I.api_key, action: mask}
  - {id: out, class: [I.mobile, I.email], direction: output, action: mask}
"""
TAXONOMY = load.taxonomy()
VALUES = ("13812345678", "138 1234 5679", "amei@example.com", "11010519491231002X")
WORDS = (
    "请致电",
    "[1]",
    "［注］",
    "【",
    "[手机号-",
    "[手机",
    "]",
    " ",
    "\n",
    "\\",
    '"',
    "[手机号-1-k7m3p9t3]",
    "😀",
    "，",
)
MARKED = "k7m3p9t2"


def reviewer() -> Reviewer:
    return plugins.reviewer(parse_policy(POLICY, TAXONOMY), {}, TAXONOMY.placeholder)


REVIEWER = reviewer()


def kept(mark: str = MARKED, language: str = "zh") -> Kept:
    return Kept(mark, TAXONOMY.placeholder, language)


def masked(text: str, into: Kept, form: Any = "text") -> str:
    return REVIEWER.review(text, direction="input", form=form, kept=into).text or text


def pieces(text: str, seed: int) -> list[str]:
    rng, at, out = random.Random(seed), 0, []
    while at < len(text):
        size = rng.choice((1, 1, 2, 5, 40))
        out.append(text[at : at + size])
        at += size
    return out


def restored(source: str, into: Kept, seed: int, form: Any = "text") -> str:
    restorer, out = Restorer(into, form), ""
    for piece in pieces(source, seed):
        out += restorer.feed(piece)
        assert restorer.held <= (LONGEST + 2) * (6 if form == "json" else 1)
    return out + restorer.close()


prose = st.lists(st.sampled_from(WORDS) | st.sampled_from([f"：{v}。" for v in VALUES]), max_size=12).map("".join)


class TestWholeWay:
    @given(prose, st.integers(0, 1000))
    def test_an_echo_is_what_it_was_and_the_upstream_saw_no_value(self, text: str, seed: int):
        values = kept()
        seen = masked(text, values)
        assert not any(value in seen for value in VALUES)
        assert restored(seen, values, seed) == text

    @given(st.dictionaries(st.sampled_from(("a", "b", "c")), prose | st.lists(prose, max_size=3)), st.integers(0, 1000),
           st.booleans(), st.booleans())  # fmt: skip
    def test_arguments_stay_json_and_say_what_they_said(self, value: Any, seed: int, before: bool, after: bool):
        values = kept()
        seen = masked(json.dumps(value, ensure_ascii=before), values, "json")
        heard = json.loads(seen)
        assert not any(value in json.dumps(heard, ensure_ascii=False) for value in VALUES)
        assert json.loads(restored(json.dumps(heard, ensure_ascii=after), values, seed, "json")) == value

    def test_a_number_in_arguments_comes_back_as_a_string(self):
        values = kept()
        seen = masked('{"phone": 13812345678}', values, "json")
        assert seen == f'{{"phone": "[手机号-1-{MARKED}]"}}'
        assert restored(seen, values, 1, "json") == '{"phone": "13812345678"}'

    def test_a_value_is_escaped_where_it_stands_in_json(self):
        values = kept()
        said = values.placeholder('Amy "A" \\ \n', "I.address")
        assert json.loads(restored(json.dumps([said]), values, 3, "json")) == ['Amy "A" \\ \n']

    def test_the_same_value_has_one_placeholder_and_another_value_another(self):
        values = kept()
        first = masked("13812345678 和 13912345678", values)
        assert first == f"[手机号-1-{MARKED}] 和 [手机号-2-{MARKED}]"
        assert masked('{"to": "13912345678"}', values, "json") == f'{{"to": "[手机号-2-{MARKED}]"}}'
        assert values.classes == {"I.mobile"}

    def test_what_the_policy_masks_for_good_stays_masked(self):
        values = kept()
        key = "sk-" + "aB3dE5gH7jK9mN1pQ3sT5vW7" * 2
        seen = masked(f"密钥 {key}，电话 13812345678", values)
        assert key not in seen
        assert "[密钥]" in seen
        assert restored(seen, values, 1) == "密钥 [密钥]，电话 13812345678"

    @given(
        st.lists(st.sampled_from(("13812345678", "工号13812", "工号13912345678", "5678密", "，", " ")), max_size=9).map(
            "".join
        )
    )
    def test_findings_that_overlap_come_back_only_where_all_may(self, text: str):
        for staff, restores in ((", restore: true", True), ("", False)):
            policy = f"""
name: overlapping
rules:
  - {{id: phones, class: I.mobile, action: mask, restore: true}}
  - {{id: staff, class: X.staff, action: mask{staff}}}
patterns:
  - {{id: number, class: X.staff, regex: '工号[0-9]{{5}}|5678密', longest: 7}}
"""
            judge = plugins.reviewer(parse_policy(policy, TAXONOMY), {}, TAXONOMY.placeholder)
            values = kept()
            verdict = judge.review(text, direction="input", kept=values)
            seen = text if verdict.text is None else verdict.text
            covered = {n for j in verdict.judged for n in range(j.finding.start, j.finding.end)}
            assert restored(seen, values, 1) == text if restores else True
            clear = "".join(char for n, char in enumerate(text) if n not in covered)
            assert re.sub(r"\[[^\]]*\]", "", seen) == clear
            if not restores:
                assert not values.classes - {"I.mobile"}
                assert "工号138" not in restored(seen, values, 1)

    def test_without_a_place_to_keep_values_all_is_masked_for_good(self):
        assert REVIEWER.review("13812345678", direction="input").text == "[手机号]"

    def test_no_detector_sees_anything_in_a_placeholder(self):
        for seed in range(200):
            values = kept(mark_of(random.Random(seed).randbytes(MARK)), "zh" if seed % 2 else "en")
            said = "".join(values.placeholder(f"{n}", cls) for n, cls in enumerate(sorted(TAXONOMY.classes)))
            assert not REVIEWER.review(said, direction="output").judged, said


class TestPlaceholders:
    @pytest.mark.parametrize("said", [
        f"[手机号-1-{MARKED.upper()}]", f"【手机号-1-{MARKED}】", f"［手机号－１－{MARKED}］", f"[ 手机号 - 1 - {MARKED} ]",
        f"[手机号 1 {MARKED}]", f"[手机号–1–{MARKED}]", f"[phone number-1-{MARKED}]", f"[Phone Number-1-{MARKED}]",
    ])  # fmt: skip
    def test_a_changed_one_is_restored(self, said: str):
        values = kept()
        values.placeholder("13812345678", "I.mobile")
        for seed in range(20):
            assert restored(f"见{said}。", values, seed) == "见13812345678。"

    @pytest.mark.parametrize("said", [
        f"[手机号-2-{MARKED}]", "[手机号-1-k7m3p9t3]", f"[手机号-{MARKED}]", "[手机号-1]", "[手机号]", f"[邮箱-1-{MARKED}]",
        f"手机号-1-{MARKED}", f"[手机号-1-{MARKED}", f"[手机号-11-{MARKED}]", f"[手机号-1-{MARKED}x]", "[", "[" * 300,
        "[" + " " * 500 + "]", f"[手机号-1{'-' * 90}{MARKED}]",
    ])  # fmt: skip
    def test_what_means_no_value_stays_as_it_is(self, said: str):
        values = kept()
        values.placeholder("13812345678", "I.mobile")
        for seed in range(20):
            assert restored(said, values, seed) == said

    @pytest.mark.parametrize(
        "said", [r"[\u00zz", r"\u005", r"\\u005b手机号-1-k7m3p9t2]", "\\", r"[\q", r"\ud83d[\ud83d"]
    )
    def test_escapes_that_are_none_stay_as_they_are(self, said: str):
        values = kept()
        values.placeholder("13812345678", "I.mobile")
        for seed in range(20):
            assert restored(said + "……" * 100, values, seed, "json") == said + "……" * 100

    def test_another_exchange_reads_nothing_of_it(self):
        mine, yours = kept(), kept("b2c3d4f5")
        said = mine.placeholder("13812345678", "I.mobile") + yours.placeholder("13912345678", "I.mobile")
        assert restored(said, mine, 1) == "13812345678[手机号-1-b2c3d4f5]"
        assert restored(said, yours, 1) == f"[手机号-1-{MARKED}]13912345678"

    def test_places_are_those_of_the_reviewed_text(self):
        values = kept()
        said = values.placeholder("13812345678", "I.mobile")
        text, places = values.restored(f"致电{said}或{said}", "text")
        assert text == "致电13812345678或13812345678"
        assert [(p.offset, p.length) for p in places] == [(2, len(said)), (3 + len(said), len(said))]


class TestMarks:
    @given(st.binary(min_size=MARK, max_size=MARK))
    def test_a_mark_is_letters_and_digits_by_turns(self, drawn: bytes):
        assert re.fullmatch("(?:[a-z][2-9]){4}", mark_of(drawn))

    def test_one_that_the_request_says_in_any_spelling_is_not_taken(self):
        marks = ("k7m3p9t2", "b2c3d4f5")
        assert Kept.absent(marks, ["你好"]) == "k7m3p9t2"
        assert Kept.absent(marks, ["x", "[手机号-1-K7 m3-Ｐ9t2]"]) == "b2c3d4f5"
        assert Kept.absent(marks, ["k7m3p9t2 b2c3d4f5"]) == ""
