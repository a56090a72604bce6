# The commands of this repository, the same here and in CI. `make` alone lists them.
# PYTHON=python3.12 picks the interpreter; ARGS='…' is passed on to the command.

PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
NO_PYTHON = case "$${LC_ALL:-$${LC_MESSAGES:-$$LANG}}" in \
	zh*) echo "未找到 $(PYTHON)。请运行：sudo apt install python3 python3-venv" ;; \
	*) echo "$(PYTHON) is not here. Run: sudo apt install python3 python3-venv" ;; esac >&2

.DEFAULT_GOAL := help
.PHONY: help run test lint format types contract docs soak bench wheel guardbench leadbench lock messages clean

help: ## list these commands
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

run: ## install what is needed and start Guiju on port 8787 (ARGS='--port 9000', `make run ARGS=--help` lists them)
	@command -v $(PYTHON) >/dev/null || { $(NO_PYTHON); exit 3; }
	@$(PYTHON) scripts/bootstrap.py run
	@exec $(BIN)/guiju up $(ARGS)

.PHONY: dev
dev:
	@command -v $(PYTHON) >/dev/null || { $(NO_PYTHON); exit 3; }
	@$(PYTHON) scripts/bootstrap.py dev

llamaindex: .venv-llamaindex/made ## an environment of its own for LlamaIndex, whose clients are tested but don't fit beside ours
.venv-llamaindex/made: requirements/llamaindex.lock | dev
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-llamaindex
	UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$$PIP_INDEX_URL}" $(BIN)/uv pip sync --quiet --require-hashes --python .venv-llamaindex/bin/python requirements/llamaindex.lock
	@touch $@

test: dev ## run the whole suite (ARGS='tests/review -k phone' for a part)
	@$(BIN)/python -m pytest $(ARGS)

lint: dev ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: dev ## ruff: mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: dev ## mypy
	$(BIN)/mypy

contract: dev ## which room may import which
	$(BIN)/lint-imports

docs: dev ## write docs/reference/ anew from the code
	$(BIN)/python scripts/generate_reference.py

soak: dev ## the long forms of the tests: a million chunkings, a hundred kills
	$(BIN)/python -m pytest --soak -m soak -n auto $(ARGS)

bench: dev ## the gateway beside nginx, same machine, same run
	$(BIN)/python -m bench $(ARGS)

guardbench: dev ## gateways with their guards on: cost, delay, leaks (ARGS=--quick, ARGS=report)
	$(BIN)/python -m bench.guardbench $(ARGS)

leadbench: dev ## what a lead over slow detectors leaks and saves (ARGS=--quick, ARGS=report)
	$(BIN)/python -m bench.leadbench $(ARGS)

wheel: dev ## a wheel for this Python and platform, the hot modules compiled (needs gcc and python3-dev)
	GUIJU_COMPILED=1 $(BIN)/python -m pip wheel -q --no-build-isolation --no-deps --wheel-dir dist .

messages: dev ## collect and compile translations (needs gettext)
	cd src/guiju/control && ../../../$(BIN)/django-admin makemessages -l zh_Hans --no-obsolete --no-location && ../../../$(BIN)/django-admin compilemessages

lock: dev ## resolve requirements/*.lock anew (UPGRADE=1 for newer versions)
	scripts/lock.sh

clean: ## remove environments and caches; var/ with its data stays
	rm -rf .venv .venv-llamaindex .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
