# Everything a person or CI does with this project. `make` alone lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A version that was asked for is the version that runs: a .venv of another one is made again.
ifneq ($(origin PYTHON),file)
ifneq ($(shell $(PYTHON) --version),$(shell exec 2>/dev/null; $(BIN)/python --version))
ANOTHER_VERSION := another-version
endif
endif
# Tests start hundreds of processes: without kept bytecode each compiles all of Notifier again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo run test check bench bench-detection format lint types layers clean another-version

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.runtime: requirements.lock pyproject.toml $(ANOTHER_VERSION)
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13) and "Notifier needs Python 3.11, 3.12 or 3.13; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 ...")'
	@test -z '$(ANOTHER_VERSION)' -a -x $(BIN)/python || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	@touch $@

demo: $(VENV)/.runtime ## play an outage from the first complaint to restoration (KEEP=1 leaves it running)
	$(BIN)/notifier demo $(if $(KEEP),--keep)

run: $(VENV)/.runtime ## run the daemon as shipped: SQLite, propose, messages written to files
	$(BIN)/notifier serve --migrate

test: $(VENV)/.dev ## run all tests (COVERAGE=1: with branch coverage)
	$(BIN)/python -m pytest -n auto --dist loadgroup --no-loadscope-reorder $(if $(COVERAGE),--cov --cov-report=term:skip-covered --cov-fail-under=90)

format: $(VENV)/.dev ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: $(VENV)/.dev ## formatting and lint rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.dev ## mypy, strict
	$(BIN)/mypy

layers: $(VENV)/.dev ## who may import whom
	$(BIN)/lint-imports

check: lint types layers ## what CI runs: format, lint, layers, types, all tests with branch coverage
	$(MAKE) test COVERAGE=1

bench: $(VENV)/.dev ## benchmarks against peers; needs npm and Debian's postfix (bench/README.md)
	$(BIN)/python -m bench

bench-detection: $(VENV)/.dev ## detection on its benchmark; numpy, pandas, scipy go into bench/.peers
	$(BIN)/python -m bench.detection

clean: ## remove what the targets above made
	rm -rf $(VENV) var dist .pytest_cache .mypy_cache .ruff_cache .hypothesis htmlcov .coverage
