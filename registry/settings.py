"""Settings, all from the environment (.env.example lists them); no insecure default but in the demo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF

from registry import env

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = "0.1.0"

DEMO = env.boolean("REGISTRY_DEMO")
DEBUG = False
SECRET_KEY = env.text("SECRET_KEY")
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS") or (["localhost", "127.0.0.1", "[::1]"] if DEMO else [])
CSRF_TRUSTED_ORIGINS = env.names("CSRF_TRUSTED_ORIGINS")

# What the registry is set to: outcomes stand at this data cutoff.
REGISTRY_CUTOFF = env.cutoff("REGISTRY_CUTOFF", "2017-06-30" if DEMO else "today")
# Work outside these hours (UTC) is a finding of the audit review.
REVIEW_HOURS = env.hours("REVIEW_HOURS", "06-22")
REGISTRY_IDENTIFIER_KEY = env.key_bytes("REGISTRY_IDENTIFIER_KEY")
# While keys are rotated: what is written uses this one, what is read may use either (docs/audit.md).
REGISTRY_IDENTIFIER_KEY_NEW: bytes | None = (
    env.key_bytes("REGISTRY_IDENTIFIER_KEY_NEW")
    if env.text("REGISTRY_IDENTIFIER_KEY_NEW", "")
    else None
)

# Exports: where their files lie, and the Ed25519 key that signs their manifests (docs/exports.md).
REGISTRY_EXPORT_DIR = Path(
    env.text("REGISTRY_EXPORT_DIR", "")
    or Path(env.text("REGISTRY_DATA_DIR", str(BASE_DIR / ".data"))) / "exports"
)
REGISTRY_EXPORT_KEY = (
    env.key_bytes("REGISTRY_EXPORT_KEY")
    if env.text("REGISTRY_EXPORT_KEY", "")
    else env.derived_key(SECRET_KEY, "signing of exports")
)

# Whoever knows it reads /metrics and the details of /ready; unset: nobody (docs/adr/0043).
REGISTRY_METRICS_TOKEN = env.text("REGISTRY_METRICS_TOKEN", "")

# pg_dump and pg_restore of a server of one's own; those of the embedded one speak no TLS.
REGISTRY_PG_PROGRAMS = env.text("REGISTRY_PG_PROGRAMS", "")
# Backups go here, and so many are kept (docs/backup.md); unset: none is made by itself.
REGISTRY_BACKUP_DIR = env.text("REGISTRY_BACKUP_DIR", "")
REGISTRY_BACKUPS_KEPT = env.integer("REGISTRY_BACKUPS_KEPT", 14)

INSTALLED_APPS = [
    "registry",
    "analytics",
    "patients",
    "centers",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "oauth2_provider",
    "csp",
    "allauth.account",
    "allauth.mfa",
]
MIDDLEWARE = [
    "registry.observing.ObservingMiddleware",
    "registry.headers.HeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "registry.plain_http.PlainHttpMiddleware",
    "registry.headers.MethodsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "centers.session_limits.SessionLimitsMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "registry.form_text.FormTextMiddleware",
    "registry.middleware.ScopeMiddleware",
    "centers.account.middleware.SecondFactorMiddleware",
]
ROOT_URLCONF = "registry.urls"
WSGI_APPLICATION = "registry.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "registry.context.registry",
            ],
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    ["django.template.loaders.filesystem.Loader"],
                )
            ],
            "builtins": ["django.templatetags.i18n", "registry.templatetags.registry"],
        },
    }
]

# One database, a role for each purpose. The web process holds only the app's; see docs/adr/0003.
DATABASES: dict[str, Any] = {"default": env.database("DATABASE_URL")}
if env.text("DATABASE_WORKER_URL", ""):
    DATABASES["worker"] = env.database("DATABASE_WORKER_URL") | {"ATOMIC_REQUESTS": False}
if env.text("DATABASE_OWNER_URL", ""):
    DATABASES["owner"] = env.database("DATABASE_OWNER_URL", assume_role="registry_owner") | {
        "ATOMIC_REQUESTS": False,
        "CONN_MAX_AGE": 0,
    }
    # A migration that waits for a lock makes all others wait behind it: it gives up instead.
    DATABASES["owner"]["OPTIONS"].setdefault("options", "-c lock_timeout=10s")
# Readers of their own (docs/adr/0015): each for the command that names it, and the
# exporter for the worker that builds exports; never for the web.
for _reader in ("auditor", "exporter", "backup"):
    if env.text(f"DATABASE_{_reader.upper()}_URL", ""):
        DATABASES[_reader] = env.database(f"DATABASE_{_reader.upper()}_URL") | {
            "ATOMIC_REQUESTS": False,
            "CONN_MAX_AGE": 0,
        }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "centers.User"
AUTHENTICATION_BACKENDS = ["centers.backends.AccountBackend"]
PASSWORD_HASHERS = ["centers.passwords.Argon2Hasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("username", "full_name", "email")},
    },
    {"NAME": "centers.passwords.ContextValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
# One-time links: three days for an invitation; a person who has a password gets one for a day.
PASSWORD_RESET_TIMEOUT = 3 * 86400
RESET_LINK_SECONDS = 86400

# Second factors: the roles that must have one (docs/sign-in.md), and the key of their secrets.
REGISTRY_MFA_ROLES = env.roles("REGISTRY_MFA_ROLES", needed=not DEMO)
REGISTRY_FACTOR_KEY = (
    env.key_bytes("REGISTRY_FACTOR_KEY")
    if env.text("REGISTRY_FACTOR_KEY", "")
    else env.derived_key(SECRET_KEY, "secrets of second factors")
)
ACCOUNT_ADAPTER = "centers.account.adapter.AccountAdapter"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
# Ours stand in centers/account/limits.py.
ACCOUNT_RATE_LIMITS = False
MFA_RATE_LIMITS = False
MFA_ADAPTER = "centers.account.adapter.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_USER_VERIFICATION = "required"
MFA_TOTP_ISSUER = "HD IL-2 registry"
MFA_TOTP_TOLERANCE = 1

# Sign-in by a hospital's OpenID provider: none while OIDC_ISSUER is unset.
OIDC_ISSUER = env.text("OIDC_ISSUER", "").rstrip("/")
OIDC_CLIENT_ID = env.text("OIDC_CLIENT_ID", "") if not OIDC_ISSUER else env.text("OIDC_CLIENT_ID")
OIDC_CLIENT_SECRET = env.text("OIDC_CLIENT_SECRET", "")
OIDC_NAME = env.text("OIDC_NAME", "your hospital")

# Mail: none while EMAIL_HOST is unset; then administrators hand out one-time links.
EMAIL_HOST = env.text("EMAIL_HOST", "")
EMAIL_PORT = env.integer("EMAIL_PORT", 587)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env.boolean("EMAIL_USE_TLS", True)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "registry@localhost")

# Sessions end after 15 minutes without a person (in the demo only after its 12 hours), and 12 hours
# after the sign-in in any case; the server holds both (centers/session_limits.py).
REGISTRY_IDLE_MINUTES = env.integer("REGISTRY_IDLE_MINUTES", 12 * 60 if DEMO else 15)
REGISTRY_SESSION_HOURS = env.integer("REGISTRY_SESSION_HOURS", 12)
# Cookies are secure wherever there is TLS.
SECURE = not DEMO
SESSION_ENGINE = "centers.account.sessions"
SESSION_COOKIE_AGE = REGISTRY_SESSION_HOURS * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_NAME = "__Host-session" if SECURE else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if SECURE else "csrf"
CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_SSL_REDIRECT = SECURE
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE
# The API is not led to https but refused (registry/plain_http.py).
SECURE_REDIRECT_EXEMPT = [r"^live$", r"^ready$", r"^metrics$", r"^api/"]
BEHIND_TLS_PROXY = env.boolean("BEHIND_TLS_PROXY")
if BEHIND_TLS_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
        "report-uri": "/csp-report/",
    }
}

# Uploads stay in memory, are taken by one page, and only up to its limit.
FILE_UPLOAD_HANDLERS = ["patients.uploads.BundleUploadHandler"]

STATIC_URL = "static/"
STATIC_ROOT = Path(env.text("STATIC_ROOT", str(BASE_DIR / "staticfiles")))
# Files are served from the apps in the demo, from the collected folder in a deployment.
WHITENOISE_USE_FINDERS = DEMO
WHITENOISE_ALLOW_ALL_ORIGINS = False
STORAGES = {
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEMO
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
# Texts are written in English: catalogues are asked for other languages alone (docs/adr/0063).
USE_I18N = LANGUAGE_CODE != "en"

REDIS_URL = env.broker("REDIS_URL", "VALKEY_PASSWORD")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": env.cache_url(REDIS_URL),
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    }
}
# The worker polls the broker with long reads; the web process must never wait for it.
_IS_WORKER = env.boolean("REGISTRY_WORKER")
CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = (
    {"visibility_timeout": 600, "unacked_restore_interval": 5, "unacked_restore_throttle": 1}
    if _IS_WORKER
    else {
        "socket_timeout": 1,
        "socket_connect_timeout": 1,
        "retry_on_timeout": False,
        "max_retries": 0,
    }
)
CELERY_BROKER_CONNECTION_TIMEOUT = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_BACKEND = None
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "UNAUTHENTICATED_USER": None,
    "EXCEPTION_HANDLER": "analytics.api.problems.problem",
    "URL_FORMAT_OVERRIDE": None,
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "HD IL-2 registry",
    "DESCRIPTION": "De-identified outcomes, figures and exports for programs.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "LICENSE": {"name": "Apache 2.0"},
    "APPEND_COMPONENTS": {"securitySchemes": {"basic": {"type": "http", "scheme": "basic"}}},
}
# Tokens of five minutes for API clients, by client credentials alone; the database keeps hashes.
OAUTH2_PROVIDER_APPLICATION_MODEL = "analytics.ApiClient"
OAUTH2_PROVIDER: dict[str, Any] = {
    "OAUTH2_SERVER_CLASS": "oauthlib.oauth2.BackendApplicationServer",
    "OAUTH2_VALIDATOR_CLASS": "analytics.api.grants.ClientValidator",
    "SCOPES_BACKEND_CLASS": "analytics.api.grants.ClientScopes",
    "ACCESS_TOKEN_GENERATOR": "analytics.api.grants.new_token",
    "ACCESS_TOKEN_EXPIRE_SECONDS": 300,
    "ALLOWED_REDIRECT_URI_SCHEMES": ["https"],
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
} | {
    f"COMPLIANT_BCP_RFC9700_{rule}": True
    for rule in (
        "IMPLICIT_GRANT",
        "PASSWORD_GRANT",
        "PKCE_METHOD",
        "ACCESS_TOKEN_TRANSPORT",
        "AUTHZ_RESPONSE_ISS",
        "TOKEN_STORAGE",
        "REFRESH_TOKEN",
        "REDIRECT_URI_SCHEME",
        "REDIRECT_URI_MATCHING",
        "PKCE_REQUIRED",
    )
}

# Lines of the log: json for programs, plain for people.
LOG_FORMAT = env.choice("LOG_FORMAT", ("plain", "json"), "plain" if DEMO else "json")
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {
            "()": "registry.logs.PlainFormatter",
            "format": "{levelname} {name} {message}",
            "style": "{",
        },
        "json": {"()": "registry.logs.JsonFormatter", "format": "{message}", "style": "{"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    # At level DEBUG they print tokens and secrets.
    "loggers": {name: {"level": "WARNING"} for name in ("oauthlib", "oauth2_provider")},
    "root": {"handlers": ["stderr"], "level": env.text("LOG_LEVEL", "WARNING")},
}
