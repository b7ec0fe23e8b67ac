# Needs Python 3.11 or newer with venv, make and a package index; the annotator in web/ also Node 20.9 or newer with npm.

PYTHON ?= python3
VENV ?= .venv
DEMO ?= demo
JOBS ?= 2
TESTS ?=
LOCK_FLAGS ?=
CHROMIUM ?= /usr/bin/chromium
COMPOSE ?= docker compose
TO ?=
FROM ?=
OVERWRITE ?=
STACK ?= build/stack

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet --quiet
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --dist loadscope
UV_VERSION := 0.13.9
COMPILE = .venv-lock/bin/uv --no-config pip compile pyproject.toml --universal --python-version 3.11 \
	--fork-strategy fewest --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --quiet $(LOCK_FLAGS)

MAKEFLAGS += --no-print-directory
# Every command starts seconds faster from compiled modules, which the install leaves to the first import.
unexport PYTHONDONTWRITEBYTECODE
.DEFAULT_GOAL := help
.PHONY: help venv demo annotator test lint types imports pytest test-slow test-web env backup restore test-stack format lock clean

help: ## Show these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'

venv: $(VENV)/.project ## Create the environment from the lock file

demo: venv ## Train and register a model on real candles, in demo/
	@test -e "$(DEMO)/config/pipeline.yaml" || $(BIN)/candle-ml init --demo "$(DEMO)"
	@cd "$(DEMO)" && "$(abspath $(BIN))/candle-ml" train
	@echo
	@echo "The model is trained and registered. To go on:"
	@echo "  cd $(DEMO) && . '$(abspath $(BIN))/activate'"
	@echo "  candle-ml model list"
	@echo "  candle-ml plugins"
	@echo "  candle-ml --help"

annotator: venv web/.next/BUILD_ID ## Start the annotator on port 3000 and the service of demo/ on port 8001; Ctrl+C stops both
	@test -e "$(DEMO)/config/pipeline.yaml" || $(MAKE) demo
	@web/scripts/annotator "$(abspath $(BIN))/candle-ml" "$(DEMO)"

test: lint types imports pytest ## Run every check but the slow suites

lint: venv ## Check style and formatting
	@echo "==> ruff"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .

types: venv ## Check types
	@echo "==> mypy"
	@$(BIN)/mypy

imports: venv ## Check that modules import downwards only
	@echo "==> import-linter"
	@$(BIN)/lint-imports --no-logo

pytest: venv ## Run the tests; TESTS="path -k name" chooses some
	@echo "==> pytest"
	@$(PYTEST) $(TESTS)

test-slow: venv ## Run the tests that take minutes
	@echo "==> pytest -m slow"
	@$(PYTEST) -m slow $(TESTS)

test-web: venv web/.next/BUILD_ID $(CHROMIUM) ## Check the annotator: types, style, unit tests and the whole loop in Chromium (ten minutes)
	@echo "==> tsc, eslint, vitest, playwright"
	@cd web && npm run --silent typecheck && npm run --silent lint && npm test --silent
	@cd web && CANDLE_ML="$(abspath $(BIN))/candle-ml" CHROMIUM="$(CHROMIUM)" npm run --silent e2e

env: ## Write .env, the secrets of the stack in docker-compose.yml, or fill what it lacks
	@docker/make-env

backup: ## Save databases, artifacts and data of the running stack; TO=folder
	@COMPOSE="$(COMPOSE)" docker/backup $(if $(TO),"$(TO)")

restore: ## Put a backup back: FROM=folder; OVERWRITE=yes replaces what the stack holds
	@test -n "$(FROM)" || { echo "name the backup by FROM="; exit 1; }
	@COMPOSE="$(COMPOSE)" OVERWRITE="$(OVERWRITE)" docker/restore "$(FROM)"

test-stack: venv ## Prove the stack in containers, with podman; root, Debian, half an hour
	@$(BIN)/python tests/stack/stack_proof.py "$(STACK)" "$(abspath $(BIN))/candle-ml"

format: venv ## Format the code and mend what ruff can mend
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format --quiet .

lock: .venv-lock/.uv-$(UV_VERSION) ## Write both lock files again; LOCK_FLAGS=--upgrade takes newer versions
	@$(COMPILE) --extra dev --output-file requirements.lock
	@$(COMPILE) --extra serve --constraints requirements.lock --output-file requirements-serve.lock

clean: ## Remove what the other targets made: environments, caches and demo/
	rm -rf $(VENV) .venv-* $(DEMO) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -rf web/node_modules web/.next web/test-results web/playwright-report
	find core plugins server tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.packages: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"Python 3.11 or newer is needed; {sys.executable} is {sys.version.split()[0]}; name another by PYTHON=")'
	@echo "==> Installing the packages of $< into $(VENV) (one to three minutes)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install --no-compile --require-hashes --requirement $<
	@touch $@

$(VENV)/.project: $(VENV)/.packages pyproject.toml
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv-lock/.uv-$(UV_VERSION):
	@$(PYTHON) -m venv --clear .venv-lock
	@.venv-lock/bin/python -m pip --disable-pip-version-check --no-input --quiet --quiet install uv==$(UV_VERSION)
	@touch $@

web/node_modules/.package-lock.json: web/package.json web/package-lock.json web/.npmrc
	@command -v node npm >/dev/null || { echo "Node 20.9 or newer with npm is needed for web/"; exit 1; }
	@node -e 'const [major, minor] = process.versions.node.split("."); if (major < 20 || (major == 20 && minor < 9)) { console.error("Node 20.9 or newer is needed; this is " + process.versions.node); process.exit(1); }'
	@echo "==> Installing the packages of web/package-lock.json into web/node_modules (one to five minutes)"
	@cd web && npm ci --loglevel error
	@touch $@

web/.next/BUILD_ID: web/node_modules/.package-lock.json web/next.config.ts $(shell find web/src -type f 2>/dev/null)
	@echo "==> Building the annotator"
	@cd web && npm run --silent build
	@touch $@

$(CHROMIUM):
	@echo "==> Installing Chromium"
	@if [ "$$(id -u)" = 0 ]; then apt-get update --quiet --quiet && \
		DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --quiet --no-install-recommends chromium fonts-liberation >/dev/null; else \
		echo "Chromium is needed: apt-get install chromium, or name it by CHROMIUM="; exit 1; fi
