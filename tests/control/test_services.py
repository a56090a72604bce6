"""guiju.control.services.limits: what would stop a gateway from taking its snapshot is refused where it is typed."""

from __future__ import annotations

import pytest

from guiju.control.services import limits


@pytest.mark.parametrize(
    "url", ["http://x/v1", "https://[::1]:8000/v1", "http://127.0.0.1:8000", "unix://model.sock/v1"]
)
def test_a_base_url_is_taken(url: str):
    limits.check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "", "ftp://x/v1", "http://", "http://x:99999/v1", "http://x:abc/v1", "http://x:0", "http://[::1/v1", "http://x/a b",
        "http://x/\r\nhost: y", "http://例子/v1", "http://x/" + "a" * 500,
    ],
)  # fmt: skip
def test_what_is_no_base_url_is_refused(url: str):
    with pytest.raises(limits.BadUrl):
        limits.check_url(url)
