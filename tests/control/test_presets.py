"""guiju.control.services.presets: every row of the table can be an upstream, and says where it is from."""

from __future__ import annotations

import re
from datetime import date
from urllib.parse import urlsplit

import pytest

from guiju.control.services import limits, residency
from guiju.control.services.presets import NoSuchPreset, Preset, preset, presets
from guiju.snapshot import OFFERS, WAYS


@pytest.mark.parametrize("row", presets().values(), ids=lambda row: row.name)
def test_a_row_can_be_an_upstream(row: Preset):
    assert set(row.offers) <= set(WAYS)
    assert row.offers
    assert row.dialect in OFFERS
    if "{" in row.url:  # the provider fills the blanks
        with pytest.raises(limits.UrlHasBlanks):
            limits.check_url(row.url)
    limits.check_url(re.sub(r"\{\w+\}", "blank", row.url))
    fields = row.fields()
    del fields["url"]
    for field, value in fields.items():
        limits.check(field, value)


@pytest.mark.parametrize("row", presets().values(), ids=lambda row: row.name)
def test_a_row_says_where_it_is_from_in_both_languages(row: Preset):
    assert re.search("[\u4e00-\u9fff]", row.title.zh) or row.title.zh == row.title.en
    assert not re.search("[\u4e00-\u9fff]", row.title.en + row.note.en)
    assert bool(row.note.zh) == bool(row.note.en)
    assert row.docs.startswith("https://")
    assert date(2026, 11, 1) <= row.checked
    assert urlsplit(row.url).scheme == ("http" if "127.0.0.1" in row.url else "https")


def test_one_that_is_not_there_is_told_with_those_that_are():
    with pytest.raises(NoSuchPreset, match="deepseek"):
        preset("nowhere")


def test_what_leaves_mainland_china():
    assert [code for code in ("", "CN", "HK", "TW", "US", "ZZ") if residency.outside(code)] == ["HK", "TW", "US", "ZZ"]
    assert all(place.zh != str(place) for place in residency.PLACES.values())


def test_those_that_refuse_what_they_do_not_know_are_not_sent_it():
    strict = [row.name for row in presets().values() if row.unknown_fields == "drop"]
    assert strict == ["openai", "azure-openai", "azure-openai-deployment"]
