# make demo: the whole path, as a story in the terminal.   make test: all promises.   make help: the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: help demo test chaos fuzz check bench requirements schema dashboards vendor clean

help:
	@grep -E '^# make' Makefile | tr -s ' ' | sed 's/^# //'

# make demo ARGS="--once --speed max --report out.json"
demo: $(VENV)/.ready
	@$(BIN)/naruko demo $(ARGS)

test: $(VENV)/.ready
	@.ci/servers chromium:chromium promtool:prometheus
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

# make chaos: every fault on real processes, 100 kills and the soak among them (some 55 minutes)
chaos: $(VENV)/.ready
	@.ci/servers
	@$(BIN)/python -m pytest tests/chaos -m "chaos or not chaos" $(ARGS)

# make fuzz ARGS="payload --seconds 600": coverage-guided input from strangers
fuzz: $(VENV)/.ready
	@$(BIN)/python -m tests.fuzz $(ARGS)

check: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/naruko check -c config
	$(BIN)/python -m hub.config.schema --check
	$(BIN)/python -m hub.dashboards --check

bench: $(VENV)/.ready
	@.ci/servers node:nodejs npm:npm chromium:chromium
	@$(BIN)/python -m bench $(ARGS)

# make requirements: pin again what pyproject.toml asks for
requirements: $(VENV)/.ready
	@$(BIN)/pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 --extra dev pyproject.toml -c requirements.txt -o requirements-dev.txt

schema: $(VENV)/.ready
	$(BIN)/python -m hub.config.schema

dashboards: $(VENV)/.ready
	$(BIN)/python -m hub.dashboards

# make vendor: what the pages use of others, in the versions of hub/console/vendor.py (needs npm)
vendor: $(VENV)/.ready
	$(BIN)/python -m hub.console.vendor

$(VENV)/.ready: requirements-dev.txt pyproject.toml
	@echo "setting up $(VENV) (once)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Naruko needs Python 3.11 or newer: apt install python3 python3-venv")'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info
