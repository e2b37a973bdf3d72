# make demo: the main job on a throw-away cluster of containers.  make test: all tests.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
# The machine may say otherwise: without compiled modules, every start takes twice as long.
unexport PYTHONDONTWRITEBYTECODE
STAMP := $(VENV)/.installed

.PHONY: venv check test cluster demo bench torture clean

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install -q --disable-pip-version-check -e '.[dev]'
	touch $@

venv: $(STAMP)

check: $(STAMP)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/vermin -q --no-tips -t=3.6- --violations kadalu_ssh/modules
	$(RUN) -m pytest -q tests/unit tests/ssh

test: check cluster

cluster: $(STAMP)
	sh tests/cluster/engine.sh
	$(RUN) -m pytest -q --durations=10 tests/cluster

demo: $(STAMP)
	sh tests/cluster/engine.sh
	$(RUN) -m tests.cluster.demo

bench: $(STAMP)
	sh tests/cluster/engine.sh
	$(RUN) -m bench

# Hours: every command, cut off at every change it makes, in every way. ARGS="--only create --sample 50"
torture: $(STAMP)
	sh tests/cluster/engine.sh
	$(RUN) -m tests.torture $(ARGS)

clean:
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache build dist
