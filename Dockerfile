# One image for web, worker, beat and migrations; docker-compose.yml says which runs where.
FROM python:3.13-slim AS build

ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    STATIC_ROOT=/srv/static \
    PATH=/opt/venv/bin:$PATH

WORKDIR /srv/registry
COPY requirements.txt ./
# pip stays behind: what runs can install nothing.
RUN python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --require-hashes -r requirements.txt

COPY . .
# Collecting files loads the settings but connects to nothing; these values stay in this one step and protect nothing.
RUN SECRET_KEY=collect DATABASE_URL=postgresql:///collect REDIS_URL=redis://collect \
    REGISTRY_IDENTIFIER_KEY=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= \
    python manage.py collectstatic --no-input --verbosity 0 \
    && python -m compileall -q .

FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    STATIC_ROOT=/srv/static \
    DJANGO_SETTINGS_MODULE=registry.settings \
    PATH=/opt/venv/bin:$PATH

RUN useradd --system --uid 10001 --home-dir /srv/registry --shell /usr/sbin/nologin registry
# Named volumes take their owner from these.
RUN install -d -o registry -m 0700 /srv/exports /srv/backups
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/static /srv/static
COPY --from=build /srv/registry /srv/registry

WORKDIR /srv/registry
USER registry
EXPOSE 8000
# The checks of a deployment come first: nothing starts when they find an error.
CMD ["python", "-m", "registry.stack.checked", "gunicorn", "--config", "python:registry.gunicorn_conf", "registry.wsgi:application", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", \
     "--workers", "2", "--threads", "4", "--worker-tmp-dir", "/dev/shm", "--no-control-socket", \
     "--graceful-timeout", "30"]
