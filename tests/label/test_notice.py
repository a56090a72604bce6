"""The explicit notice has the two elements that GB 45438-2025 asks for, wherever it stands."""

from __future__ import annotations

import pytest

from guiju.label import notice


@pytest.mark.parametrize(("language", "ai", "generated"), [("zh", "人工智能", "生成"), ("en", "AI", "generated")])
@pytest.mark.parametrize("place", [notice.beginning, notice.end])
def test_it_names_artificial_intelligence_and_that_it_generated(place, language: str, ai: str, generated: str):
    assert ai in place(language)
    assert generated in place(language)
