"""Django's settings, all of them from guiju.config: there is no second place to configure anything."""

from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from guiju.config import load
from guiju.control.rooms import ROOMS
from guiju.errors import Said, SettingError
from guiju.journal.keyring import Keyring

HERE = Path(__file__).parent
GUIJU = load()
KEYRING = Keyring.open(GUIJU)

SECRET_KEY = KEYRING.django
DEBUG = False
_site = urlsplit(GUIJU.base_url)
ALLOWED_HOSTS = (
    ["*"] if GUIJU["host"] not in ("127.0.0.1", "::1") else ["localhost", "127.0.0.1", "[::1]", _site.hostname]
)
CSRF_TRUSTED_ORIGINS = [f"{_site.scheme}://{_site.netloc}"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _site.scheme == "https"
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME, LANGUAGE_COOKIE_NAME = "guiju_session", "guiju_csrf", "guiju_language"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
DATA_UPLOAD_MAX_MEMORY_SIZE = GUIJU["gateway.body_limit"]

INSTALLED_APPS = [
    *sorted({room.package for room in ROOMS}),
    "guiju.control.portal",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "guiju.control.middleware.ContentSecurityPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "guiju.control.people.middleware.SecondFactor",
]
ROOT_URLCONF = "guiju.control.urls"
ASGI_APPLICATION = "guiju.control.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [HERE / "templates", *sorted(HERE.glob("*/templates"))],  # a room may bring its own
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "guiju.control.console.context",
            ]
        },
    }
]


def _needs(package: str, setting: str, extra: str) -> None:
    if find_spec(package) is None:
        raise SettingError(
            name=setting,
            problem=Said("{package} isn't installed", "尚未安装 {package}", package=package),
            remedy=Said(
                "Run: pip install 'guiju[{extra}]' (docs/how-to)",
                "请运行：pip install 'guiju[{extra}]'（见 docs/how-to）",
                extra=extra,
            ),
        )


def _database() -> dict[str, object]:
    url = str(GUIJU["database_url"])
    if not url:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": GUIJU.database,
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                # FULL: what a commit says is durable must be, since the drainer deletes its journal after it.
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON",
            },
            "TEST": {"NAME": GUIJU.home / "test.sqlite3"},
        }
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql") or not parts.path.strip("/"):
        raise SettingError(
            name="database_url",
            problem=Said("isn't a PostgreSQL URL", "不是 PostgreSQL 地址"),
            remedy=Said(
                "Write postgres://user:password@host/database, or leave it empty for SQLite",
                "请写成 postgres://用户:密码@主机/数据库；留空则使用 SQLite",
            ),
        )
    _needs("psycopg", "database_url", "postgres")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": parts.port or "",
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


DATABASES = {"default": _database()}


def _cache() -> dict[str, str]:
    """Counters that end by themselves: failed sign-ins."""
    if url := str(GUIJU["redis_url"]):
        _needs("redis", "redis_url", "redis")
        return {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url, "KEY_PREFIX": "guiju"}
    return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}


CACHES = {"default": _cache()}

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "people.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "guiju.control.people.passwords.LongEnough", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "/console/account/login/"
LOGIN_REDIRECT_URL = "/console/"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "guiju.control.people.adapter.Accounts"
ALLAUTH_TRUSTED_PROXY_COUNT = 1  # the gateway: it alone reaches this process, and says who asks
ACCOUNT_RATE_LIMITS = {"login_failed": "10/m/ip,5/5m/key"}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = _site.hostname == "localhost"
MFA_TOTP_ISSUER = "Guiju"

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "简体中文"), ("en", "English")]
LOCALE_PATHS = [HERE / "locale"]
USE_I18N = USE_TZ = True
TIME_ZONE = "Asia/Shanghai"

STATIC_URL = "/static/"
STATICFILES_DIRS = [HERE / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 60  # asked again after a minute: a page mustn't run with scripts of the version before

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "guiju.log_lines.Lines", "form": GUIJU["log.format"]}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": str(GUIJU["log.level"]).upper()},
    "loggers": {"django.request": {"level": "ERROR"}, "uvicorn": {"level": "WARNING"}},
}
