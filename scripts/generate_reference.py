"""Writes docs/reference/ from the code: what a program can know, no page repeats by hand.

    python scripts/generate_reference.py            write the pages
    python scripts/generate_reference.py --check    exit code 1, and their names, where a page isn't what would be written

Each page is a function that returns Markdown; `PAGES` lists them. tests/test_docs.py runs the check.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
sys.path.insert(0, str(ROOT / "src"))

from guiju import errors, plugins, remote, types  # noqa: E402 — the path comes first
from guiju.cli import main as cli  # noqa: E402
from guiju.control.services import presets, residency  # noqa: E402 — neither needs Django
from guiju.gateway import exposition  # noqa: E402
from guiju.ledger import entries  # noqa: E402
from guiju.remote.adapter import CATCH_ALL  # noqa: E402
from guiju.review import load, policy  # noqa: E402
from guiju.settings import RETIRED, SETTINGS  # noqa: E402

HEAD = "<!-- Written by scripts/generate_reference.py (`make docs`); change the code, not this page. -->\n\n"


def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]] | list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |\n" for row in lines
    )


def code(text: object) -> str:
    """As code; nothing stays nothing."""
    return f"`{text}`" if str(text) else ""


# --- settings --------------------------------------------------------------------------------------


def settings() -> str:
    """Every setting, from `SETTINGS`."""
    rows = [
        (
            code(s.name),
            code(s.variable),
            s.type.__name__,
            code("" if s.default in ((), {}) else s.default),
            s.unit,
            s.help + ".",
        )
        for s in SETTINGS
    ]
    retired = table(("name", "instead"), [(code(n), t) for n, t in RETIRED.items()]) if RETIRED else "None.\n"
    return (
        "# Settings\n\n"
        "Read once at start, in this order; later ones win: the default, `GUIJU_HOME/guiju.toml`, the environment. "
        "`GUIJU_…_FILE` names a file that holds the value, for secrets. `GUIJU_HOME` itself (default: `./var`) is the "
        "folder that holds all state, and comes from the environment alone. A dot in a name is a table in the file: "
        "`gateway.body_limit` is `[gateway] body_limit`. A wrong value stops the start with the sentence that mends it.\n\n"
        + table(("setting", "variable", "type", "default", "unit", "what it does"), rows)
        + "\n## Retired names\n\n"
        + retired
    )


# --- commands --------------------------------------------------------------------------------------


def commands() -> str:
    """Every command with its options and the exit codes, from the parsers themselves."""
    page = (
        "# Commands\n\nAll state is in `GUIJU_HOME`. Commands work whether the service is up or down; one that changes "
        "something returns once every running gateway worker has taken the change.\n\n## Exit codes\n\n"
        + table(("code", "meaning"), [(code(number), meaning) for number, meaning in cli.EXIT_CODES.items()])
    )
    for command in cli.COMMANDS:
        page += f"\n## guiju {command.name}\n\n{command.help}.\n\n" + options(cli.parser_of(command))
    return page


def options(parser: argparse.ArgumentParser) -> str:
    """One parser's synopsis and options; its sub-commands below it."""
    rows, below = [], ""
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, sub in action.choices.items():
                below += f"\n### {sub.prog}\n\n{helps.get(name, '').rstrip('.')}.\n\n" + options(sub)
            continue
        rows.append((code(spelling(action)), described(action)))
    return (table(("option", "what it does"), rows) if rows else "") + below


def spelling(action: argparse.Action) -> str:
    """`--port PORT`, `FILE`, `--json`."""
    value = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    if action.choices:
        value = "{" + ",".join(map(str, action.choices)) + "}"
    if not action.option_strings:
        return f"[{value}]" if action.nargs in ("?", "*") else value
    return ", ".join(action.option_strings) + ("" if action.nargs == 0 else f" {value}")


def described(action: argparse.Action) -> str:
    """Its help, with argparse's holes filled."""
    text = (action.help or "") % {**vars(action), "prog": ""}
    return text[:1].upper() + text[1:].rstrip(".") + "."


# --- errors ----------------------------------------------------------------------------------------

FAULTS = {
    errors.CallerError: ("The caller's", "The request is at fault: mend it and send it again."),
    errors.PolicyError: ("Policy's", "The rules say no: the sentence names the basis and the way to object."),
    errors.UpstreamError: ("The upstream's", "The model behind Guiju failed; a later try may succeed."),
    errors.OurError: ("Ours", "Guiju can't do its work. Nothing unreviewed is served instead."),
}


def error_codes() -> str:
    """Every error with its stable code, by whose fault it is."""
    page = (
        "# Error codes\n\n`code` is stable: programs may rely on it, and on the status. Each dialect wraps it in its own "
        "shape, so that the official SDKs raise their own classes. The answer carries `x-guiju-exchange` as every answer does.\n"
    )
    for base, (whose, what) in FAULTS.items():
        rows = [
            (code(e.code), code(e.status), e.text_en, e.text_zh)
            for e in [base, *descendants(base)]
            if "text_en" in vars(e)
        ]
        page += f"\n## {whose}\n\n{what}\n\n" + table(("code", "status", "English", "中文"), rows)
    return page


def descendants(cls: type[errors.GuijuError]) -> Iterator[type[errors.GuijuError]]:
    """All classes below one, in order of definition."""
    for sub in cls.__subclasses__():
        if sub.__module__ == errors.__name__:
            yield sub
            yield from descendants(sub)


# --- records: read from the source, since a docstring under a field is known to no one at run time ---


def fields(module: ModuleType, name: str) -> tuple[str, list[tuple[str, str, str]]]:
    """A class's docstring and its own fields: (declaration, default, what it says underneath)."""
    tree = ast.parse(inspect.getsource(module))
    node = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == name)
    rows: list[tuple[str, str, str]] = []
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            default = ast.unparse(statement.value) if statement.value else ""
            rows.append((f"{statement.target.id}: {ast.unparse(statement.annotation)}", default, ""))
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and rows:
            rows[-1] = (*rows[-1][:2], inspect.cleandoc(str(statement.value.value)))
    return ast.get_docstring(node) or "", rows


def record(module: ModuleType, name: str, title: str) -> str:
    """One record as a section."""
    said, rows = fields(module, name)
    return f"\n## {title}\n\n{said}\n\n" + table(
        ("field", "default", "meaning"), [(code(f), code(d), text) for f, d, text in rows]
    )


def ledger() -> str:
    """Every kind of entry, and the records inside them."""
    page = (
        "# Ledger entries\n\nA leaf of the tree is an entry as JSON, byte for byte as it was written. `kind` names it, "
        "`at_ms` is when (epoch milliseconds). A field at its default is left out. Nothing in it can be guessed back to "
        "contents: `commitment` is an HMAC under a random key that is sealed with the contents.\n\n"
        "Leaves are hashed as RFC 6962 says (SHA-256, `0x00` before a leaf, `0x01` before a pair); checkpoints are signed "
        "notes in the C2SP `tlog-checkpoint` format, so that other tools can check them.\n"
    )
    for kind in entries.Entry.__args__:
        page += record(entries, kind.__name__, f"`{kind.__struct_config__.tag}`")
    page += "\n# Records inside\n"
    for module, name in (
        (entries, "Reviewed"),
        (entries, "Insertion"),
        (types, "Judged"),
        (types, "Finding"),
        (types, "Media"),
    ):
        page += record(module, name, name)
    return page


def policy_file() -> str:
    """What a policy file may hold."""
    return (
        "# Policy file\n\nYAML. The first rule that fits a finding decides it; a rule on a class covers its subclasses; what "
        "no rule fits is allowed and recorded. `guiju policy check FILE` points at what is wrong, line and column.\n\n"
        "Actions, from mild to severe; the most severe of all findings is the text's:\n\n"
        + table(("action", "what happens"), list(ACTIONS.items()))
        + record(policy, "Policy", "The file")
        + record(policy, "Rule", "A rule")
        + record(policy, "Pattern", "A pattern")
        + record(policy, "Case", "A case")
        + "\nIn the file, `classes` is written `class`, one or a list. `name` and `title: {zh: …, en: …}` head it; the version "
        "is given when a policy is activated.\n\n## The shipped policy\n\n```yaml\n"
        + load.default_policy_yaml()
        + "```\n"
    )


ACTIONS = {
    "`allow`": "Served and recorded.",
    "`mask`": "The finding is replaced by its class's placeholder (`[手机号]`), the rest is served. With `restore: true` what was masked in a prompt comes back in its answer.",
    "`refuse`": "Stopped; a safe answer in the dialect takes its place.",
    "`block`": "Stopped; the dialect's own error.",
    "`escalate`": "As refuse, and a person is asked to look.",
}


def taxonomy() -> str:
    """Every class of risk with what it rests on, and how many shipped terms it has."""
    terms: dict[str, int] = {}
    for term in (term for found in load.default_lexicons().values() for term in found):
        terms[term.cls] = terms.get(term.cls, 0) + 1
    known = plugins.taxonomy()
    rows = [
        (
            code(cls),
            known.name(cls, "en"),
            known.name(cls, "zh"),
            known.basis(cls, "en"),
            code(known.moderation(cls)),
            code(known.placeholder(cls, "zh")) if cls.startswith(("I.", "W.")) else "",
            str(terms.get(cls, "")),
        )
        for cls in known.classes
    ]
    return (
        "# Taxonomy\n\n`A.1.a` to `A.5.b` are the 31 risks of GB/T 45654-2025, Appendix A, in our own words; deeper classes and "
        "the roots `P`, `W` and `I` are Guiju's own, and below `X` every provider may name classes as they like. A policy on a class covers those below it. `/v1/moderations` tells "
        "findings under OpenAI's category of the class, and ours beside them under `guiju`; a category that needs more than a "
        "class (`hate/threatening`, `violence/graphic`, `self-harm/intent` and the like) is never set. The score there is the "
        "detector's times 1.0, 0.5 or 0.2 for a severity of high, middle or low; a category is true where policy acts on it.\n\n"
        "The last column counts the shipped terms. Lexicons on any other class are the provider's own to import.\n\n"
        + table(("class", "English", "中文", "rests on", "OpenAI", "mask", "terms"), rows)
    )


def extension_points() -> str:
    """What can be plugged in, and what is."""
    page = (
        "# Extension points\n\n"
        + inspect.cleandoc(plugins.__doc__ or "").partition("\n\n")[2].split("\n\nA console")[0]
    )
    page += "\n\nBuilt-ins, in order; installed packages that name the entry-point group follow.\n\n## Dialects\n\n"
    paths = {id(dialect): dialect for dialect in plugins.dialects().values()}
    page += table(
        ("dialect", "paths", "says of itself"),
        [
            (code(d.name), ", ".join(map(code, d.paths)), first_line(sys.modules[type(d).__module__]))
            for d in paths.values()
        ],
    )
    page += "\n## Detectors\n\n"
    rows = []
    for reference in plugins.DETECTORS:
        module = sys.modules.get(reference.partition(":")[0]) or __import__(reference.partition(":")[0], fromlist=["x"])
        rows.append((code(reference), first_line(module)))
    return page + table(("factory", "says of itself"), rows)


def metrics() -> str:
    """What /metrics tells."""
    rows = [
        (
            code(m.name), m.kind, ", ".join(map(code, (*m.labels, *(("worker",) if m.kind == "gauge" else ())))) or "–",
            m.help + (f"; buckets, in seconds: {', '.join(map(str, m.bounds))}" if m.bounds else ""),
        )
        for m in exposition.METRICS
    ] + [(code(name), "gauge", code("version") if name.endswith("_info") else "–", text) for name, text in exposition.NODE.items()]  # fmt: skip
    return (
        "# Metrics\n\n`GET /metrics`, Prometheus text format 0.0.4; [how to watch Guiju](../how-to/watch-it.md) says what to do with it. A scrape tells of the whole node, "
        "whichever worker answers it: counters and histograms are added up over its workers, also those that have ended or were killed, and a worker goes on from what its predecessor "
        "counted. Gauges are of workers that run, and carry their names.\n\n"
        + table(("metric", "kind", "labels", "meaning"), rows)
    )


def upstream_presets() -> str:
    """Vendors whose address and settings are known, from presets.yaml."""
    rows = [
        (
            code(p.name), f"[{p.title.en}]({p.docs})", code(p.url), ", ".join(map(code, p.offers)),
            residency.PLACES.get(p.residency, errors.Said("say it", "")),
            ", ".join(map(code, filter(None, (
                p.key_header, p.query and "?" + p.query, p.unknown_fields == "drop" and "unknown_fields=drop",
            )))), p.note.en,
            p.checked.isoformat(),
        )
        for p in presets.presets().values()
    ]  # fmt: skip
    return (
        "# Presets of upstreams\n\n`guiju upstream add NAME --preset PRESET`, or a choice on the console's page for a new upstream. A preset fills in what is "
        "known of a vendor; every other option wins over it, and nothing of it is kept but the upstream's own settings. `{…}` is yours to fill. *Checked* is when "
        "the row was compared with the vendor's documentation, or with a stored copy of it; vendors move, so look there before you rely on a row that is old.\n\n"
        + table(("preset", "vendor", "base URL", "offers", "data goes to", "settings", "mind", "checked"), rows)
    )


def adapters() -> str:
    """Detectors that are elsewhere: settings, labels and what was checked, from guiju/remote."""
    page = (
        "# Adapters\n\nServices elsewhere that Guiju can ask about a text. Each adapter is a pure translation (`src/guiju/remote/`): how the service is asked and what its answers mean "
        "in classes of the [taxonomy](taxonomy.md). Only an answer of the documented form is a verdict; anything else is a fault, and never means that the text is clean. "
        f"What a service objects to under a label that isn't here is found as `{CATCH_ALL}`. A finding is over the whole text unless the service names a place and its word stands there. "
        "Nothing of the text goes into a finding: words that a service quotes are left out of the record. What a class leads to is the policy's to say: the shipped one has no rule on `X`, which is where a service's own word lists end up, nor on `I` as a whole.\n\n"
        "No row was tried against a paid account: *checked* says what was compared with public documents, and what could not be.\n"
    )
    for name in remote.ADAPTERS:
        one = remote.adapter(name)
        about, said = one.about, inspect.cleandoc(type(one).__doc__ or "").replace("\n", " ")
        page += f"\n## {about.title}\n\n`{name}`. {said}\n\nOne question holds {one.limit:,} characters; longer texts are cut, overlapping. **Checked:** {about.checked}\n\n"
        page += "".join(f"- <{address}>\n" for address in about.pages) + ("\n" if about.pages else "")
        page += table(
            ("setting", "what it is", "default"),
            [
                (
                    code(f.name),
                    f"{f.label}" + (" (sealed)" if f.secret else "") + (f": {', '.join(map(code, f.choices))}" if f.choices else ""),
                    "must be given" if f.default is None else code(f.default) or "empty",
                )
                for f in one.fields
            ],
        )  # fmt: skip
        if one.labels:
            page += "\n" + table(
                ("label", "class", "English", "中文"),
                [
                    (code(label), code(cls), plugins.taxonomy().name(cls, "en"), plugins.taxonomy().name(cls, "zh"))
                    for label, cls in one.labels.items()
                ],
            )
        else:
            page += "\nIts server names the classes: [write a detector of your own behind a webhook](../how-to/write-a-webhook-detector.md).\n"
    return page


def first_line(module: ModuleType) -> str:
    """First sentence of a module's docstring."""
    return inspect.cleandoc(module.__doc__ or "").split("\n\n")[0].replace("\n", " ")


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings,
    "commands.md": commands,
    "errors.md": error_codes,
    "ledger-entries.md": ledger,
    "policy-file.md": policy_file,
    "taxonomy.md": taxonomy,
    "extension-points.md": extension_points,
    "metrics.md": metrics,
    "upstream-presets.md": upstream_presets,
    "adapters.md": adapters,
}


def main() -> int:
    """Write or check; returns the exit code."""
    checking = sys.argv[1:] == ["--check"]
    stale = []
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        path, text = REFERENCE / name, HEAD + page()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not checking:
                path.write_text(text, encoding="utf-8")
    sys.stdout.write("".join(f"{'stale' if checking else 'wrote'}: docs/reference/{name}\n" for name in stale))
    return 1 if checking and stale else 0


if __name__ == "__main__":
    sys.exit(main())
