"""guiju.cli.review_setup: named files first, then what is active in GUIJU_HOME, then what is shipped."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from guiju import snapshot
from guiju.cli.named import NoSuchService
from guiju.cli.review_setup import setup
from guiju.config import Config, load
from guiju.errors import InputFileError, ReviewUnavailable
from guiju.review.lexicon_blob import Term, encode_terms
from guiju.review.load import default_lexicons
from guiju.snapshot import LexiconRef, PolicyRef, Service, Snapshot

MINE = "name: mine\nrules:\n  - {class: A.1, action: block}\n"
KIDS = "name: kids\nrules:\n  - {class: A.1, action: refuse}\n"


@pytest.fixture
def active(home: Path) -> Config:
    """A home in which the gateway has kept a snapshot with two services and one lexicon."""
    config = load()
    blob = encode_terms([Term(text="甲乙", cls="A.1.a")])
    digest = hashlib.sha256(blob).hexdigest()
    config.run.mkdir(parents=True)
    config.blobs.mkdir()
    (config.blobs / digest).write_bytes(blob)
    kept = Snapshot(
        version=3,
        services=(Service(name="shop", policy="mine"), Service(name="school", policy="kids", audience="minors")),
        policies=(PolicyRef(name="kids", version=2, yaml=KIDS), PolicyRef(name="mine", version=7, yaml=MINE)),
        lexicons=(LexiconRef(name="own", version=1, digest=digest, terms=1),),
    )
    (config.run / "snapshot.json").write_bytes(snapshot.encode(kept))
    return config


def test_a_fresh_home_is_judged_by_what_is_shipped(home: Path):
    made = setup(load())
    assert made.policy.label == "default@1"
    assert set(made.lexicons) == set(default_lexicons())
    assert made.audience == "general"


def test_what_is_active_is_used_the_first_service_first(active: Config):
    made = setup(active)
    assert (made.policy.label, list(made.lexicons), made.audience) == ("mine@7", ["own"], "general")


def test_another_service_brings_its_policy_and_audience(active: Config):
    made = setup(active, service="school")
    assert (made.policy.label, made.audience) == ("kids@2", "minors")


def test_an_unknown_service_is_told_with_those_there_are(active: Config):
    with pytest.raises(NoSuchService, match=r"no service 'shcool'.*shop, school"):
        setup(active, service="shcool")


def test_a_service_is_no_use_where_nothing_is_active(home: Path):
    with pytest.raises(NoSuchService, match=r"no service 'shop'"):
        setup(load(), service="shop")


def test_named_files_come_in_place_of_what_is_active(active: Config, tmp_path: Path):
    policy, terms, more = tmp_path / "p.yaml", tmp_path / "terms.csv", tmp_path / "more.txt"
    policy.write_text(KIDS, encoding="utf-8")
    terms.write_text("term,class\n丙丁,A.1.b\n", encoding="utf-8")
    more.write_text("戊己\n", encoding="utf-8")
    made = setup(active, policy=str(policy), lexicons=[str(terms), str(more)], cls="A.1.c")
    assert made.policy.label == "kids@0"
    assert list(made.lexicons) == ["terms", "more"]


def test_two_lists_of_one_name_stay_two(active: Config, tmp_path: Path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "terms.csv").write_text("term,class\n丙丁,A.1.b\n", encoding="utf-8")
    paths = [str(tmp_path / folder / "terms.csv") for folder in ("a", "b")]
    assert list(setup(active, lexicons=paths).lexicons) == ["terms", paths[1]]


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", b"name: a\nrules: 5\n"])
def test_a_policy_that_cannot_be_read_is_told_by_its_path(active: Config, tmp_path: Path, content: bytes | None):
    path = tmp_path / "p.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputFileError, match=r"p\.yaml"):
        setup(active, policy=str(path))


def test_a_kept_state_that_is_not_whole_reviews_nothing(active: Config):
    for blob in active.blobs.iterdir():
        blob.unlink()
    with pytest.raises(ReviewUnavailable, match="lexicon 'own'"):
        setup(active)
    (active.run / "snapshot.json").write_bytes(b"{")
    with pytest.raises(ReviewUnavailable, match=r"snapshot\.json"):
        setup(active)
