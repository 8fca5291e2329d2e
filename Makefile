# Needs make and Python 3.10 or newer; `make help` lists the targets.
SHELL := /bin/sh
VENV ?= .venv
# Where .venv is missing it is made with the first of these that runs, is new enough and can make one.
PYTHON ?=
PYTHONS := $(or $(PYTHON),python3.13 python3.12 python3.11 python3.10 python3 python)
# Most tests wait for servers and processes: four at a time keep two cores busy.
PYTEST_ARGS ?= -n 4 --dist loadgroup
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-done
NODE_STAMP := tests/npm/node_modules/.setup-done
PIP := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help setup setup-node run test lint format docs bench chaos clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

setup: $(STAMP)  ## .venv with the package (editable) and every tool of the tests

$(STAMP): pyproject.toml constraints.txt Makefile
	@if ! $(BIN)/python -c 'import pip' 2>/dev/null; then \
	  for candidate in $(PYTHONS); do \
	    if "$$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; \
	    then found="$$candidate"; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo 'make setup: no Python 3.10 or newer with venv and ensurepip among: $(PYTHONS).' >&2; \
	    echo 'Install one (on Debian and Ubuntu: python3 and python3-venv) or say PYTHON=/path/to/python3.' >&2; \
	    exit 1; \
	  fi; \
	  echo "Making $(VENV) with $$("$$found" --version)"; \
	  "$$found" -m venv --clear $(VENV) && echo '*' >$(VENV)/.gitignore; \
	fi
	@echo 'Installing the packages of constraints.txt (about a minute the first time)'
	@# The build backend first, so that it too comes from constraints.txt and pip isolates nothing.
	@$(PIP) install --quiet --constraint constraints.txt hatchling editables
	@$(PIP) install --quiet --constraint constraints.txt --no-build-isolation --editable '.[dev]'
	@touch $@

setup-node: $(NODE_STAMP)  ## what some tests need of npm (an MCP server, newman), where npm is there

$(NODE_STAMP): tests/npm/package.json tests/npm/package-lock.json
	@if command -v npm >/dev/null 2>&1; then \
	  cd tests/npm && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error && touch node_modules/.setup-done; \
	else \
	  echo 'npm is not there: the tests that need it will be skipped'; \
	fi

run: setup  ## the quickstart
	@$(BIN)/python examples/quickstart/run.py

test: setup setup-node  ## every test, with 100% branch coverage of the package
	@$(BIN)/python -m coverage erase
	@# A busy machine can hold a server up for longer than a test waits: what failed has to pass by itself.
	@# (pytest-xdist has written a test's group behind its name.)
	@$(BIN)/python -m pytest --cov --cov-report=term $(PYTEST_ARGS) || { \
	  echo 'Once more, one at a time, what failed beside others:'; \
	  sed -i.bak 's/@[a-z]*": true/": true/' .pytest_cache/v/cache/lastfailed; \
	  $(BIN)/python -m pytest --cov --cov-append --cov-report=term -v --last-failed --last-failed-no-failures=none; \
	}

lint: setup  ## ruff, mypy --strict, the layers, what is generated in step with what it is made of
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/leadagent compile examples --check
	@$(BIN)/python -m leadagent_prefect.api.postman --check

format: setup  ## mends what ruff can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: setup  ## the tests that hold the docs to the code
	@$(BIN)/python -m pytest tests/docs $(PYTEST_ARGS)

bench: setup  ## every benchmark, one after another
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python "$$file" || exit; done

chaos: setup setup-node  ## the experiments that kill, cut and flood, whole; `make test` has them in short
	@LEADAGENT_CHAOS=whole $(BIN)/python -m pytest -o faulthandler_timeout=2000 tests/chaos $(PYTEST_ARGS)

clean:  ## removes .venv, caches and what the tests left
	@rm -rf $(VENV) build dist htmlcov .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache \
	  .pytest_cache .ruff_cache tests/npm/node_modules
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
