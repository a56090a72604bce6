"""The packaged data of this room, read at the edge that starts and handed in from there."""

from __future__ import annotations

from functools import cache
from importlib import resources

from guiju.review.lexicon_blob import Term
from guiju.review.lexicon_check import read_terms
from guiju.review.policy import Policy
from guiju.review.policy_file import parse_policy
from guiju.review.taxonomy import Taxonomy

_HERE = resources.files("guiju.review")


def taxonomy_yaml() -> str:
    """The shipped classes of risk, as their file says it."""
    return (_HERE / "taxonomy.yaml").read_text(encoding="utf-8")


@cache
def taxonomy() -> Taxonomy:
    """The shipped classes of risk; plugins.taxonomy() has those of detectors too."""
    return Taxonomy(taxonomy_yaml())


def default_policy_yaml() -> str:
    """The policy that a new installation begins with, as its file says it."""
    return (_HERE / "default_policy.yaml").read_text(encoding="utf-8")


def default_policy() -> Policy:
    """The same, parsed."""
    return parse_policy(default_policy_yaml(), taxonomy(), file="default_policy.yaml", version=1)


def default_lexicon_csvs() -> dict[str, str]:
    """Name -> CSV of every shipped lexicon."""
    folder = _HERE / "lexicons"
    return {
        file.name.removesuffix(".csv"): file.read_text(encoding="utf-8")
        for file in sorted(folder.iterdir(), key=lambda f: f.name)
        if file.name.endswith(".csv")
    }


def default_lexicons() -> dict[str, list[Term]]:
    """Name -> terms of every shipped lexicon."""
    return {name: read_terms(text, file=f"{name}.csv")[0] for name, text in default_lexicon_csvs().items()}


def benign_sample() -> list[str]:
    """Harmless sentences, zh and en: what a new term is measured on."""
    return (_HERE / "lexicons" / "benign_sample.txt").read_text(encoding="utf-8").splitlines()
