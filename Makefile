# Two targets do all the set-up on a machine that has make and Python 3.11 or later:
#   make demo    assess the shipped cases and a made-up landscape, then serve them
#   make test    every check, the wheel on its own, then the tests

PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
INSTALLED := .venv/.installed
PEERS := .venv/.peers
PLAIN := build/plain
FUSEKI := build/servers/fuseki.jar
FUSEKI_VERSION := 5.2.0
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help demo test fuzz check bench docs wheel installed-wheel servers clean
.DELETE_ON_ERROR:

help:
	@echo 'make demo | test | fuzz | check | bench | docs | wheel | clean'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo 'Holdfast needs Python 3.11 or later, and "$(PYTHON)" is not that.'; \
	  echo 'Say which to use, for instance: make PYTHON=python3.12 $(MAKECMDGOALS)'; \
	  exit 1; }
	$(PYTHON) -m venv .venv

# pip learnt --group in 25.1; the pip that comes with Python 3.11 is older.
$(INSTALLED): pyproject.toml | $(BIN)/python
	$(PIP) install --upgrade 'pip>=25.1'
	$(PIP) install --editable '.[import]' --group dev
	$(PIP) install --no-deps --group mapper
	@touch $@

demo: $(INSTALLED)
	$(BIN)/holdfast assess kb/graphs/physical-activity.trig --as-of A5
	$(BIN)/holdfast assess kb/graphs/easington.trig --as-of B4
	@mkdir -p build
	$(BIN)/holdfast synth --ventures 200 --seed 2001 -o build/landscape.nq
	$(BIN)/holdfast serve --port $(PORT) kb/graphs build/landscape.nq

check: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Source archive first, wheel from it: so both are known to be whole.
wheel: $(INSTALLED)
	@rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist . >/dev/null
	@ls dist

# The wheel in an environment without development packages, asked from outside the checkout.
installed-wheel: wheel
	@rm -rf $(PLAIN)
	$(BIN)/python -m venv $(PLAIN)
	$(PLAIN)/bin/python -m pip --disable-pip-version-check --quiet install dist/*.whl
	cd $(PLAIN) && bin/python -I $(CURDIR)/tests/house/ask_installed.py

# Another's SPARQL server, to hold stores against; without it their tests are skipped, and say so.
servers:
	@if [ ! -s $(FUSEKI) ] && command -v java >/dev/null && command -v mvn >/dev/null; then \
	  mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy -Dmdep.stripVersion \
	    -Dartifact=org.apache.jena:jena-fuseki-server:$(FUSEKI_VERSION) \
	    -DoutputDirectory=$(CURDIR)/$(dir $(FUSEKI)) \
	  && mv $(dir $(FUSEKI))/jena-fuseki-server.jar $(FUSEKI) || echo 'Fuseki could not be fetched.'; \
	fi

# pytest runs last, so that its own closing line is the last one printed.
test: check installed-wheel servers
	$(BIN)/pytest

# Random queries against Oxigraph, over the datasets of these numbers; tests ask those of 0 to 7.
WORLDS ?= 8 200
fuzz: $(INSTALLED)
	HOLDFAST_FUZZ='$(WORLDS)' $(BIN)/pytest -q tests/kb/test_random_queries.py

# The engines measured against come from the package index, Jena from Maven Central where there is Java.
$(PEERS): pyproject.toml $(INSTALLED)
	$(PIP) install --group bench
	@touch $@

bench: $(PEERS)
	$(BIN)/python tests/benchmarks/bench.py $(OPTIONS)

docs: $(INSTALLED)
	$(BIN)/holdfast rules docs

clean:
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find kb service tests -name __pycache__ -type d -prune -exec rm -rf {} +
