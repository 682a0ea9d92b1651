# `make demo` and `make test` do all the set-up on a fresh machine; see README.md.
SHELL := /bin/bash
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help demo test check fast hosts bench scenarios fidelity molecule format clean

help:
	@echo "make demo     the story on a disposable real host: refused, mended, applied, confirmed"
	@echo "make test     all tests, real hosts included (a Docker engine is used, or installed on Debian and Ubuntu as root)"
	@echo "make check    format, lint, types, import contracts and the fast tests"
	@echo "make scenarios  findings against what really breaks: all scenarios on real hosts (a quarter of an hour on a quiet machine)"
	@echo "make bench    aisafe-playbook side by side with ansible-playbook --check"
	@echo "make fidelity what was foreseen against what plain ansible-playbook does, play by play, as a table (an hour)"
	@echo "make clean    remove the test hosts and the virtual environment"

$(STAMP): pyproject.toml
	@test -n "$(PYTHON)" || { echo "aisafe needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group dev
	@touch $(STAMP)

demo: $(STAMP)
	@$(BIN)/python -m tests.demo

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q -n 2 -m "not hosts"

fast: $(STAMP)
	$(BIN)/pytest -q -n 2 -m "not hosts"

hosts: $(STAMP)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest -q -n 2 tests/hosts

test: check
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest -q -n 2 --durations=10 tests/hosts

scenarios: $(STAMP)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.scenarios

bench: $(STAMP)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.bench
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.bench_scale

fidelity: $(STAMP)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.fidelity

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	-python3 -m tests.testbed down
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
