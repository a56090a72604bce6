"""Keys, tables and first data: what `guiju up` does before it serves. Idempotent, and quick where nothing is to do."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from guiju import clock
from guiju.config import EMBEDDED_MODEL, EMBEDDED_URL, Config
from guiju.errors import SettingError

_LOCK = 0x6775696A75
"""Of PostgreSQL's advisory locks, ours: `guiju`."""
DEMO, CHAT, EMBEDDED = "demo", "chat", "embedded"


class NoDatabase(SettingError):
    text_en = "The database can't be used: {problem}. Start it, mend GUIJU_DATABASE_URL, or look at GUIJU_HOME's disk."
    text_zh = "数据库不可用：{problem}。请启动数据库、检查 GUIJU_DATABASE_URL，或检查 GUIJU_HOME 所在的磁盘。"

    def __init__(self, *, problem: object) -> None:
        super().__init__(problem=" ".join(str(problem).split()).rstrip("?."))  # drivers speak in several lines


def django() -> None:
    """Make Django usable in this process."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guiju.control.settings")
    import django as framework

    framework.setup()


@contextmanager
def alone() -> Iterator[None]:
    """One at a time makes tables and first data, of all machines that begin at once: the others wait. SQLite, one
    machine's, does so by itself."""
    from django.db import connection

    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def migrate() -> None:
    """Bring the tables up to date; one query where they are."""
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    if _late(MigrationExecutor(connection)):
        with alone():
            if _late(MigrationExecutor(connection)):
                call_command("migrate", interactive=False, verbosity=0)


def _late(executor: Any) -> bool:
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def prepare(config: Config) -> dict[str, Any]:
    """Make an installation ready.

    Returns:
        `key` (the demo app's), `model`, `embedded` (whether some service's route leads to the embedded model), `link`
        (the first administrator's sign-in link, while nobody has signed in), and `key_was_for` (the address whose key was
        taken away, where --upstream names another server and no key).

    Raises: NoDatabase.
    """
    config.run.mkdir(parents=True, exist_ok=True)
    django()
    from django.db import DatabaseError, transaction

    from guiju.control.publish import keep

    try:
        migrate()
        with alone(), transaction.atomic():
            prepared = _data(config)
        keep(config.run / "snapshot.json")
    except DatabaseError as problem:
        raise NoDatabase(problem=problem) from None
    return prepared


def _data(config: Config) -> dict[str, Any]:
    from guiju.control.people import actions as people
    from guiju.control.people.models import User
    from guiju.control.policies import actions as policies
    from guiju.control.policies.models import LexiconVersion, Policy
    from guiju.control.publish import publish
    from guiju.control.services import actions as services
    from guiju.control.services import limits
    from guiju.control.services.models import App, ModelRoute, Provider, Service, Upstream
    from guiju.review import load

    if not Provider.objects.exists():
        people.prepare_roles()
        Provider.objects.create(name="Guiju Demo")
        policies.activate_policy(policies.save_policy("default", load.default_policy_yaml(), by=None), by=None)
        for name, csv in load.default_lexicon_csvs().items():
            policies.import_lexicon(name, csv, by=None)
        service = Service.objects.create(
            name=DEMO,
            title_zh="规矩演示服务",
            title_en="Guiju demo service",
            demo=True,
            policy=Policy.objects.get(name="default"),
        )
        App.objects.create(name=DEMO, service=service, allow_media=True, allow_opaque=True)
        App.objects.create(name=CHAT, service=service)
        services.save_upstream(EMBEDDED, EMBEDDED_URL, model=EMBEDDED_MODEL, service=service, by=None)
    embedded = ModelRoute.objects.filter(upstream__url=EMBEDDED_URL)
    service = Service.objects.get(name=DEMO)
    another = None
    if config["upstream"]:
        secret = config["upstream_key"] or None
        known = Upstream.objects.filter(name="upstream").first()
        if secret is None and known and known.secret and limits.server(known.url) != limits.server(config["upstream"]):
            secret, another = "", known.url
        route = ModelRoute.objects.filter(service=service, name=config["upstream_model"]).first()
        if known is None or known.url != config["upstream"].rstrip("/") or route is None or secret is not None:
            answers = service.models.filter(name=service.default_model)
            alone = not answers.exclude(upstream__url=EMBEDDED_URL).exists()
            replaced = list(embedded.filter(pk__in=answers)) if alone else []
            services.save_upstream(
                "upstream", config["upstream"], secret=secret, model=config["upstream_model"], service=service, by=None
            )
            service.refresh_from_db()
            for route in replaced:  # the new one answers in its place
                if route.upstream.name != "upstream":
                    services.remove_route(route, by=None)
    for row in LexiconVersion.objects.filter(state="active").defer("csv"):
        policies.place_blob(row.digest, bytes(row.blob))
    key = _demo_key(config)
    publish()
    link = None
    if not User.objects.filter(last_login__isnull=False).exists():
        link = f"{config.base_url}/console/link/{people.make_link('admin', by=None)}/"
    first = service.models.order_by("id").first()
    model = service.default_model or (first.name if first else EMBEDDED_MODEL)
    return {"key": key, "model": model, "embedded": embedded.exists(), "link": link, "key_was_for": another}


def _demo_key(config: Config) -> str:
    """The demo app's own key: kept on this machine, so that the printed line works at every start."""
    import hashlib

    from guiju.control.services import actions as services
    from guiju.control.services.models import App, Key

    file = config.run / "demo.key"
    if file.exists():
        secret = file.read_text().strip()
        row = Key.objects.filter(sha256=hashlib.sha256(secret.encode()).hexdigest(), revoked=None).first()
        if row is not None and (row.expires is None or row.expires > clock.now()):
            return secret
    secret, _, _ = services.create_key(App.objects.get(name=DEMO), by=None)
    draft = file.with_name(".demo.key")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w") as out:
        out.write(secret + "\n")
    draft.replace(file)
    return secret
