"""Percent-encoding and addresses, beside the standard library's, which pure rooms don't use."""

from __future__ import annotations

from urllib.parse import parse_qs, quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guiju.remote.asking import address, form, quoted


@given(st.text())
def test_it_encodes_as_rfc_3986_says(text: str):
    assert quoted(text) == quote(text.encode("utf-8", "replace"), safe="-._~")


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
def test_a_form_reads_back_as_it_was(one: str, other: str):
    assert parse_qs(form({"a": one, "b&=": other}).decode(), keep_blank_values=True) == {"a": [one], "b&=": [other]}


@pytest.mark.parametrize("url", ["https://a.example", "http://127.0.0.1:9900/x/y", "https://[::1]:8443/v1/"])
def test_an_address_is_taken_apart(url: str):
    base, host, path = address(url)
    parts = urlsplit(url)
    assert (base, host, path) == (f"{parts.scheme}://{parts.netloc}", parts.netloc, parts.path.rstrip("/"))
