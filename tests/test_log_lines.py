"""A log line is one line, in UTC, and can be read by a program."""

import json
import logging
import re
import sys

import pytest

from guiju.log_lines import Lines, fields


def line(form: str, message: str, *args: object, **more: object) -> str:
    record = logging.getLogger("guiju.gateway").makeRecord(
        "guiju.gateway", logging.INFO, __file__, 1, message, args, None, extra=fields(**more)
    )
    record.created = 1_700_000_000.5
    return Lines(form).format(record)


def test_json_has_a_field_for_each_thing():
    assert json.loads(line("json", "exchange=%s ended", "ex1", exchange="ex1", ms=7)) == {
        "time": "2023-11-14T22:13:20.500Z",
        "level": "info",
        "logger": "guiju.gateway",
        "message": "exchange=ex1 ended",
        "exchange": "ex1",
        "ms": 7,
    }


def test_logfmt_quotes_what_would_read_as_more_than_one_field():
    assert line("logfmt", "closed", exchange="ex1", model="a b=c", empty="") == (
        'time=2023-11-14T22:13:20.500Z level=info logger=guiju.gateway closed exchange=ex1 model="a b=c" empty=""'
    )


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_nothing_that_is_logged_begins_a_line_of_its_own(form: str):
    assert "\n" not in line(form, "model=%s", "x\nlevel=error forged", model="y\nlevel=error")


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_a_traceback_stays_in_its_line(form: str):
    try:
        raise ValueError("broken")
    except ValueError:
        record = logging.getLogger("x").makeRecord("x", logging.ERROR, __file__, 1, "failed", (), sys.exc_info())
    said = Lines(form).format(record)
    assert "\n" not in said
    assert re.search(r"ValueError: broken", said)
