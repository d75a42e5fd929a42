# One image for web, worker, beat and migrations; docker-compose.yml says which runs where.
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    STATIC_ROOT=/srv/static \
    DJANGO_SETTINGS_MODULE=registry.settings

RUN useradd --system --uid 10001 --home-dir /srv/registry --shell /usr/sbin/nologin registry
# Named volumes take their owner from these.
RUN install -d -o registry -m 0700 /srv/exports /srv/backups
WORKDIR /srv/registry

COPY requirements.txt ./
RUN pip install --require-hashes -r requirements.txt

COPY . .
# Collecting files loads the settings but connects to nothing; these values stay in this one step and protect nothing.
RUN SECRET_KEY=collect DATABASE_URL=postgresql:///collect REDIS_URL=redis://collect \
    REGISTRY_IDENTIFIER_KEY=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= \
    python manage.py collectstatic --no-input --verbosity 0

USER registry
EXPOSE 8000
# The checks of a deployment come first: nothing starts when they find an error.
CMD ["python", "-m", "registry.stack.checked", "gunicorn", "--config", "python:registry.gunicorn_conf", "registry.wsgi:application", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", \
     "--workers", "2", "--threads", "4", "--worker-tmp-dir", "/dev/shm", "--no-control-socket", \
     "--graceful-timeout", "30"]
