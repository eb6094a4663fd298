# Needs Python 3.11 or newer and make; everything else goes into .venv.

.DEFAULT_GOAL := help
.PHONY: help demo observe test coverage lint types bench metrics dashboards clean
.DELETE_ON_ERROR:

# The first interpreter that is new enough; or name one: make demo PYTHON=/opt/python/bin/python3
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
    $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
CODE := switch tests benchmarks migrations observability

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.runs ## serve demo data, send it messages, show the answers (ONCE=1: then exit)
	@$(BIN)/python -m switch demo $(if $(ONCE),--once)

observe: $(VENV)/.runs ## a switch, Prometheus and load, to see the dashboards' data (ONCE=1: check every panel, exit)
	@$(BIN)/python -m observability.observe $(if $(ONCE),--once)

# Hundreds of tests start the program: it is compiled once, whatever the environment says about that.
test: $(VENV)/.tests lint types ## lint, types, every test
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

coverage: $(VENV)/.tests ## every test again, half as fast, and the lines that none of them ran
	@$(BIN)/python -m coverage erase
	@$(BIN)/python -m coverage run -m pytest -n auto --dist loadfile
	@$(BIN)/python -m coverage combine --quiet
	@$(BIN)/python -m coverage report

lint: $(VENV)/.tests ## ruff: rules and format
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/ruff format --check $(CODE)

types: $(VENV)/.tests ## mypy, strict
	@$(BIN)/mypy

bench: $(VENV)/.tests ## measure speed and memory, rewrite docs/benchmarks.md (ARGS=--quick: one short round)
	@$(BIN)/python -m benchmarks.run $(ARGS)

metrics: $(VENV)/.tests ## rewrite docs/metrics.md, the list of all metrics
	@$(BIN)/python -m switch.telemetry.catalogue docs/metrics.md

dashboards: $(VENV)/.runs ## rewrite deploy/grafana/dashboards and deploy/prometheus/{rules,tests} from observability/
	@$(BIN)/python -m observability.generate

clean: ## remove the virtual environment and everything generated
	rm -rf $(VENV) build dist *.egg-info .coverage* .hypothesis .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or newer found; name one with PYTHON=..." >&2; exit 2; }
	@echo "making $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

# Installed in place, and again whenever the dependencies may have changed.
$(VENV)/.runs: pyproject.toml | $(BIN)/python
	@echo "installing the switch into $(VENV) ..."
	@$(PIP) --editable .
	@touch $@

$(VENV)/.tests: pyproject.toml | $(BIN)/python
	@echo "installing the switch and its test tools into $(VENV) ..."
	@$(PIP) --editable '.[test]'
	@touch $@ $(VENV)/.runs
