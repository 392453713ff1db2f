# Two commands on a fresh machine: `make demo` and `make test`. Everything else is for people who work on Sidewatch.
PYTHON ?= python3
DATA ?= ../shared/data
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint types imports unit test-slow test-live bench lock train screen card dashboards chart pictures clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | column -t -s '	'

setup: $(STAMP) ## make .venv with the command, the demo and the tests

$(STAMP): requirements-dev.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Sidewatch needs Python 3.11 or newer: make setup PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(STAMP)

demo: setup ## run the whole job on a local provider: traffic, flags, drift, metrics
	$(BIN)/sidewatch demo

test: setup lint types imports unit ## lint, types, import contracts and every fast test

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/mypy

imports:
	$(BIN)/lint-imports

unit:
	$(BIN)/pytest -m "not slow and not live"

test-slow: setup ## tests that take minutes
	$(BIN)/pytest -m slow

test-live: setup ## tests that need promtool, buildah, podman, ... (tests/live/fetch-tools.sh brings them): what is missing is skipped with its reason
	$(BIN)/pytest -m live -rs

bench: setup ## ratios against peers and the limits of this machine: see tests/bench/
	for script in tests/bench/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

lock: ## write the lock files anew from pyproject.toml
	$(BIN)/python -m pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
		--allow-unsafe --output-file requirements.lock pyproject.toml
	$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
		--allow-unsafe --extra test --extra demo --output-file requirements-dev.lock pyproject.toml
	$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
		--allow-unsafe --build-deps-for wheel --only-build-deps --output-file requirements-build.lock pyproject.toml

train screen card: export PYTHONHASHSEED = 0 # the order of generated names hangs on it

train: ## train the pack anew: about two hours on two cores, into build/pack; then write it and its card (DATA=directory)
	$(PYTHON) -m venv build/train
	build/train/bin/python -m pip install --quiet --editable '.[train]'
	build/train/bin/python -m watchers.training.fit --data $(DATA) --out build/pack --minutes 120
	build/train/bin/python -m watchers.training.bundle --checkpoint build/pack --data $(DATA) --out watchers/pack
	$(MAKE) screen
	$(MAKE) card

screen: ## distil the pack's first stage from it, after each change of the pack (DATA=directory)
	build/train/bin/python -m watchers.training.screen --data $(DATA) --pack watchers/pack

card: ## measure the pack and write its card (DATA=directory)
	build/train/bin/python -m watchers.training.card --data $(DATA) --pack watchers/pack

dashboards: setup ## write rules.yaml and the dashboards anew, and copy them into the chart
	$(BIN)/python -m dashboards.rules
	$(BIN)/python -m dashboards.boards
	cp dashboards/rules.yaml helm/sidewatch/files/rules.yaml
	cp dashboards/json/*.json helm/sidewatch/files/dashboards/

chart: setup ## write the chart's README, the settings in its schema and the plain-YAML example anew
	$(BIN)/python helm/readme.py
	$(BIN)/python -m helm.settings_schema
	$(BIN)/python -m tests.helm.example

pictures: setup ## draw the dashboards for docs/dashboards.md: needs apt and npm, and Chromium
	tests/live/fetch-tools.sh
	cd tests/live/draw && npm install --no-audit --no-fund
	$(BIN)/python -m tests.live.pictures

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
