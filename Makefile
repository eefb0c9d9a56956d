# `make quickstart` and `make test` do everything, environment included. They need Python 3.11 or newer and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SHARED := $(abspath ../shared/data)

# Real MNIST for tests and reference runs, where it lies beside the checkout.
ifneq ($(wildcard $(SHARED)/mnist.npz),)
export HARNESS_DATA_HOME ?= $(SHARED)
endif

.PHONY: help quickstart test coverage lint types bench schema reports clean

help:  ## Show this help
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

quickstart: $(VENV)/.user  ## Install, run the quickstart suite on bundled digits, write the report
	$(BIN)/harness run suites/quickstart.yaml

test: $(VENV)/.dev lint types  ## Lint, type-check and test
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --benchmark-skip

coverage: $(VENV)/.dev  ## Test, and tell which lines no test reaches (slower)
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --benchmark-skip --cov --cov-report=term

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/.dev
	$(BIN)/mypy

bench: $(VENV)/.dev  ## Run the benchmarks (minutes; the machine should be idle)
	$(BIN)/python -m pytest tests/benchmarks --benchmark-only --timeout=0

schema: $(VENV)/.user  ## Write the JSON Schema of suite files again
	$(BIN)/harness schema > harness/suite/schema.json

reports: $(VENV)/.user  ## Draw the reports again from the tables in results/
	for run in $(dir $(wildcard results/*/trials.parquet)); do $(BIN)/harness report "$$run" --output "reports/$$(basename "$$run")" || exit 1; done

clean:  ## Remove the environment and everything generated
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage build dist

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "harness needs Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + "; name another with make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.user: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.user
