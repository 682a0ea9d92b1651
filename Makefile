# `make demo` and `make test` do all the set-up on a fresh machine; see README.md.
SHELL := /bin/bash
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# The newest ansible-core needs a newer Python than the oldest that is supported: the forecast is tested with both.
NEWEST_PYTHON ?= $(shell for p in python3.14 python3.13 python3.12 $$(ls -d $(HOME)/.pyenv/versions/3.1[234]*/bin/python \
	2>/dev/null | sort -rV); do "$$p" -c 'import sys, venv; sys.exit(sys.version_info < (3, 12))' 2>/dev/null && echo "$$p" && break; done)
NEWEST := $(VENV)-newest
NEWEST_STAMP := $(NEWEST)/.installed
NO_NEWEST := SKIPPED: the tests with the newest ansible-core, for want of Python 3.12 or newer (NEWEST_PYTHON=/path/to/python3.13)
NEWEST_TESTS := tests/simulation tests/effects/test_same_as_module.py tests/effects/test_copying.py tests/playbook/test_facts_payload.py

# The oldest ansible-core that applies in the tests, while ours judges: execution environments have it.
OLDER := $(VENV)-older
OLDER_STAMP := $(OLDER)/.installed

# The oldest Python that a host may have: the agent's tests run with it, too.
OLDEST_PYTHON ?= $(shell for p in python3.8 $$(ls -d $(HOME)/.pyenv/versions/3.8*/bin/python 2>/dev/null | sort -rV); do \
	"$$p" -c 'import sys, venv; sys.exit(sys.version_info[:2] != (3, 8))' 2>/dev/null && echo "$$p" && break; done)
OLDEST := $(VENV)-oldest
OLDEST_STAMP := $(OLDEST)/.installed
NO_OLDEST := SKIPPED: the agent's tests with Python 3.8, for want of it (OLDEST_PYTHON=/path/to/python3.8)

# One that aisafe was not tested with, for the rule that says so.
UNTESTED := $(VENV)-untested
UNTESTED_STAMP := $(UNTESTED)/.installed

.PHONY: help demo test check fast newest oldest hosts bench scenarios commands logins runner packaging older fidelity undo molecule untested format clean

help:
	@echo "make demo     the story on a disposable real host: refused, mended, applied, confirmed"
	@echo "make test     all tests, real hosts included (a Docker engine is used, or installed on Debian and Ubuntu as root)"
	@echo "make newest   the tests of the forecast and the attacks with the newest ansible-core"
	@echo "make oldest   the agent's tests with Python 3.8, which the hosts may have"
	@echo "make check    format, lint, types, import contracts and the fast tests"
	@echo "make scenarios  findings against what really breaks: all scenarios on real hosts (a quarter of an hour on a quiet machine)"
	@echo "make commands   61 command lines side by side with ansible-playbook on real hosts, with the newest ansible-core, too (a part is in make test)"
	@echo "make logins   every way into a host and to become root there, each by a run that is undone and one that is confirmed"
	@echo "make runner   ansible-runner: also time-outs, and the pipeline of AWX with process isolation in an image of its own"
	@echo "make older    ansible-core 2.16 applies and ours judges: a run undone, one confirmed, and the command lines"
	@echo "make packaging  wheel, sdist, pip, pipx and pre-commit in fresh environments (needs a package index)"
	@echo "make molecule the four Molecule scenarios of this repository, and the template of aisafe init molecule"
	@echo "make bench    aisafe-playbook side by side with ansible-playbook --check"
	@echo "make fidelity what was foreseen against what plain ansible-playbook does, play by play, as a table (an hour)"
	@echo "make undo     what is rolled back is as it was: a table of cases, each compared by an outside observer (an hour)"
	@echo "make clean    remove the test hosts and the virtual environment"

$(STAMP): pyproject.toml
	@test -n "$(PYTHON)" || { echo "aisafe needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group dev
	@touch $(STAMP)

$(NEWEST_STAMP): pyproject.toml
	$(NEWEST_PYTHON) -m venv $(NEWEST)
	$(NEWEST)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(NEWEST)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --upgrade --group newest
	$(NEWEST)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $(NEWEST_STAMP)

$(OLDER_STAMP):
	$(PYTHON) -m venv $(OLDER)
	$(OLDER)/bin/python -m pip install --quiet --disable-pip-version-check "ansible-core==2.16.*"
	@touch $(OLDER_STAMP)

$(OLDEST_STAMP):
	$(OLDEST_PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check pytest hypothesis
	@touch $(OLDEST_STAMP)

$(UNTESTED_STAMP): pyproject.toml
	$(NEWEST_PYTHON) -m venv $(UNTESTED)
	$(UNTESTED)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(UNTESTED)/bin/python -m pip install --quiet --disable-pip-version-check --group untested
	$(UNTESTED)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $(UNTESTED_STAMP)

demo: $(STAMP)
	@$(BIN)/python -m tests.demo

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q -n 2 -m "not hosts and not packaging"

fast: $(STAMP)
	$(BIN)/pytest -q -n 2 -m "not hosts and not packaging"

newest:
ifeq ($(NEWEST_PYTHON),)
	@echo "$(NO_NEWEST)"
else
	@$(MAKE) --no-print-directory $(NEWEST_STAMP)
	@$(NEWEST)/bin/python -c 'import ansible.release, sys; print(f"ansible-core {ansible.release.__version__}, Python {sys.version.split()[0]}")'
	$(NEWEST)/bin/python -m pytest -q -n 2 -p no:cacheprovider -k "not bite" $(NEWEST_TESTS)
endif

oldest:
ifeq ($(OLDEST_PYTHON),)
	@echo "$(NO_OLDEST)"
else
	@$(MAKE) --no-print-directory $(OLDEST_STAMP)
	$(OLDEST)/bin/python -m pytest -q -p no:cacheprovider tests/agent
endif

hosts: $(STAMP)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest -q -n 2 tests/hosts

test: check newest oldest
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest -q -n 2 --durations=10 tests/hosts
	@test -n "$(NEWEST_PYTHON)" || echo "$(NO_NEWEST)"
	@test -n "$(OLDEST_PYTHON)" || echo "$(NO_OLDEST)"

untested: $(UNTESTED_STAMP)

scenarios: $(STAMP)
	@test -z "$(NEWEST_PYTHON)" || $(MAKE) --no-print-directory $(UNTESTED_STAMP)
	PATH="$(CURDIR)/$(BIN):$$PATH" AISAFE_UNTESTED_ANSIBLE="$(CURDIR)/$(UNTESTED)/bin" $(BIN)/python -m tests.scenarios

bench: $(STAMP)
	@$(BIN)/python -m compileall -q aisafe  # as pip does with what it installs; the simulation writes no bytecode
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.bench
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.bench_scale
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.bench_snapshot --million

commands: $(STAMP)
	PATH="$(CURDIR)/$(BIN):$$PATH" AISAFE_ALL_COMMANDS=1 $(BIN)/pytest -q -n 2 tests/hosts/test_same_command.py
ifneq ($(NEWEST_PYTHON),)
	@$(MAKE) --no-print-directory $(NEWEST_STAMP)
	AISAFE_ALL_COMMANDS=1 $(NEWEST)/bin/python -m pytest -q -n 2 -p no:cacheprovider tests/hosts/test_same_command.py
else
	@echo "$(NO_NEWEST)"
endif

logins: $(STAMP)
	PATH="$(CURDIR)/$(BIN):$$PATH" AISAFE_ALL_LOGINS=1 $(BIN)/pytest -q -n 2 tests/hosts/test_logins.py tests/hosts/test_connections.py

runner: $(STAMP)
	PATH="$(CURDIR)/$(BIN):$$PATH" AISAFE_ALL_RUNNER=1 $(BIN)/pytest -q -n 2 tests/hosts/test_runner.py

packaging: $(STAMP)
	$(BIN)/pytest -q -n 2 tests/packaging

molecule: $(STAMP)
	PATH="$(CURDIR)/$(BIN):$$PATH" AISAFE_ALL_MOLECULE=1 $(BIN)/pytest -q tests/hosts/test_molecule.py

older: $(STAMP) $(OLDER_STAMP)
	PATH="$(CURDIR)/$(BIN):$$PATH" AISAFE_TEST_ANSIBLE="$(CURDIR)/$(OLDER)/bin" AISAFE_ALL_COMMANDS=1 \
		$(BIN)/pytest -q -n 2 tests/hosts/test_two_ansibles.py tests/hosts/test_same_command.py

fidelity: $(STAMP)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.fidelity

undo: $(STAMP)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.undo

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	-python3 -m tests.testbed down
	rm -rf $(VENV) $(NEWEST) $(OLDER) $(OLDEST) $(UNTESTED) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
