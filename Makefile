# What people, CI and hooks type. `make setup` and `make run` need only Python 3.11+ and a package index.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
PYTEST := $(BIN)/python -m pytest
BROWSER := -n 2 --maxschedchunk 1
# Tests of a file share what is slow to make.
DEEP := -n 2 --dist loadfile
# mypy's Django plugin loads the settings; it connects to nothing, and these values are no secrets.
SETTINGS := REGISTRY_DEMO=1 SECRET_KEY=types DATABASE_URL=postgresql:///types REDIS_URL=redis://types \
  DATABASE_OWNER_URL=postgresql:///types DATABASE_WORKER_URL=postgresql:///types \
  REGISTRY_IDENTIFIER_KEY=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=

.PHONY: help setup setup-dev run lint test test-browser test-deep validation bench audit sbom lock format clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(VENV)/.setup ## make .venv from requirements.txt
setup-dev: $(VENV)/.setup-dev ## add what the checks need

$(VENV)/.python:
	@command -v "$(PYTHON)" >/dev/null 2>&1 || { \
	  echo "No $(PYTHON) found. Install Python 3.11 or newer, or run: make PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed; $(PYTHON) is $$("$(PYTHON)" --version 2>&1)." \
	    "Run: make PYTHON=/path/to/a/newer/python3" >&2; exit 1; }
	@echo "Making $(VENV) ..."
	@"$(PYTHON)" -m venv $(VENV) || { \
	  echo "Python's venv module is missing or incomplete (Debian: apt-get install python3-venv)." >&2; exit 1; }
	@touch $@

$(VENV)/.setup: $(VENV)/.python requirements.txt
	@echo "Installing requirements.txt (only when it changed) ..."
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/.setup-dev: $(VENV)/.setup requirements-dev.txt
	@echo "Installing requirements-dev.txt (only when it changed) ..."
	@$(PIP) -r requirements-dev.txt
	@touch $@

# exec: Ctrl-C and SIGTERM reach the supervisor itself.
run: setup ## start the whole registry; Ctrl-C stops it (PORT=8010 chooses the port)
	@exec $(BIN)/python manage.py up

lint: setup-dev ## style, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@echo "$(BIN)/mypy ."; $(SETTINGS) $(BIN)/mypy .
	$(BIN)/lint-imports

test: lint ## lint and the fast tests (under 3 minutes)
	$(PYTEST) -n 2 tests

test-browser: setup-dev ## browser tests; Debian's Chromium must be installed
	$(PYTEST) $(BROWSER) tests/e2e

test-deep: setup-dev ## matrices, state machines, faults
	$(PYTEST) $(DEEP) -m "not alone" tests/deep
	$(PYTEST) -m alone tests/deep

validation: setup-dev ## run the tests of docs/validation.md; writes validation-evidence.md
	@rm -rf validation
	-$(PYTEST) -n 2 -m requirement --junitxml=validation/fast.xml tests
	-$(PYTEST) $(DEEP) -m "requirement and not alone" --junitxml=validation/deep.xml tests/deep
	-$(PYTEST) -m "requirement and alone" --junitxml=validation/alone.xml tests/deep
	-$(PYTEST) $(BROWSER) -m requirement --junitxml=validation/browser.xml tests/e2e
	$(BIN)/python -m tests.validation validation/*.xml > validation-evidence.md

bench: setup ## measure; prints the rows of docs/performance.md
	$(BIN)/python manage.py bench

audit: setup-dev ## ask the advisory databases about the locked libraries (needs the network)
	$(BIN)/pip-audit --disable-pip --requirement requirements.txt

sbom: setup-dev ## write sbom.json (CycloneDX 1.6) of what is installed at run time
	$(BIN)/cyclonedx-py requirements requirements.txt --pyproject pyproject.toml --output-reproducible \
	  --spec-version 1.6 --output-file sbom.json

UV ?= uv
lock: ## resolve the requirements again, with hashes, for all platforms at once
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  requirements.in --output-file requirements.txt
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  requirements-dev.in --output-file requirements-dev.txt

format: setup-dev ## rewrite the code in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove .venv and caches; the data folder stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .coverage htmlcov staticfiles
	find . -name __pycache__ -type d -not -path './.data/*' -prune -exec rm -rf {} +
