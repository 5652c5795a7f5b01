# One door for every habit: `make help`. Needs Python 3.11 or newer and make, nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt
# uv takes a fraction of pip's time for so many packages; pip where it does not run, and to say what is wrong.
INSTALL = $(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt --no-build-isolation $(1) 2>/dev/null \
	|| $(PIP) --no-build-isolation --use-pep517 $(1)
# Parallel by file, so that each worker starts its own PostgreSQL once; in the order of tests/conftest.py, the slow files first.
# One worker more than there are processors, because many tests wait for servers; with two more it took no less.
WORKERS := $(shell $(PYTHON) -c 'import os; print(min(5, (os.cpu_count() or 1) + 1))')
PYTEST_ARGS ?= -n $(WORKERS) --dist=loadfile --no-loadscope-reorder

DEMO_FOLDER := examples/flight_delay
DEMO := $(DEMO_FOLDER)/flight-delay.ubj
SECOND := $(DEMO_FOLDER)/flight-delay-september.ubj
GALLERY_FOLDER := examples/gallery
GALLERY := $(GALLERY_FOLDER)/data/hands.tflite
# Those that `make bench` compares with by itself; benchmarks/install.sh knows more, for BENCH_PEERS="fastapi bentoml ...".
BENCH_PEERS ?= fastapi flask mlserver
PORT := $(shell sed -n 's/^port *= *\([0-9]*\).*/\1/p' development.ini)
URL := http://127.0.0.1:$(PORT)
DEMO_FLIGHT := {"carrier":"UA","origin":"EWR","dest":"ORD","month":7,"day_of_week":3,"hour":18,"minute":30,"distance":719,"temp":84.0,"humid":61.0}

# What an installation depends on: after a change of these files the next target installs again.
PACKAGING := setup.py pyproject.toml constraints.txt requirements-demo.txt requirements-gallery.txt mlserve/_version.py $(wildcard plugins/*/setup.py)
# Ends the recipe of a server where its port is taken.
PORT_IS_FREE = $(BIN)/python -c 'import socket, sys; sys.exit("port $(PORT) is in use: stop the other server, or change port in $(1)" if socket.socket().connect_ex(("127.0.0.1", $(PORT))) == 0 else 0)'
PSERVE := env PYTHONWARNINGS="ignore:pkg_resources is deprecated" $(BIN)/pserve

.DEFAULT_GOAL := help
.PHONY: help serve demo second gallery neighbours prepared test exhaustive soak check format bench cost screenshots clean

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)$$/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-20s%s\n", $$1, $$2}'

serve: $(VENV)/.installed $(DEMO) ## Install, build the demo model if it is missing, serve it on 127.0.0.1:6543
	@$(call PORT_IS_FREE,development.ini)
	@echo
	@echo "Serving on $(URL) (Ctrl-C stops). In another terminal:"
	@echo
	@echo "curl -s $(URL)/api/v1/models/flight-delay/predictions -H 'Content-Type: application/json' -d '{\"instances\":[$(subst ",\",$(DEMO_FLIGHT))]}'"
	@echo
	@exec $(PSERVE) development.ini

demo: $(VENV)/.installed $(DEMO) ## Build the demo model, without serving it

second: $(VENV)/.installed $(SECOND) ## Build a second demo model, to deploy beside the first

gallery: $(VENV)/.installed-gallery $(DEMO) $(GALLERY) ## Serve four families by four protocols on 127.0.0.1:6543
	@$(call PORT_IS_FREE,$(GALLERY_FOLDER)/gallery.ini)
	@echo
	@echo "Serving on $(URL) (Ctrl-C stops). What to ask: $(GALLERY_FOLDER)/README.md. In another terminal:"
	@echo
	@echo "curl -s $(URL)/api/v1/models/file-type/predictions -F content=@Makefile"
	@echo
	@exec $(PSERVE) $(GALLERY_FOLDER)/gallery.ini

neighbours: $(VENV)/.installed-dev ## Install the clients of other servers, and CatBoost, each into an environment of its own
	@PYTHON=$(BIN)/python scripts/neighbours.sh

prepared: $(VENV)/.installed-dev $(DEMO) $(SECOND) $(GALLERY) neighbours ## Install and build what the suite needs, without running it

# The suite starts a hundred servers and commands: without bytecode, which some environments forbid, each of them would
# compile all that it imports.
test: prepared ## Run the whole suite, on SQLite and PostgreSQL (PYTEST_ARGS="-k name" for a part)
	env -u PYTHONDONTWRITEBYTECODE PYTHONPYCACHEPREFIX=$(CURDIR)/$(VENV)/pycache $(BIN)/pytest $(PYTEST_ARGS)

exhaustive: ## Run all tests, those too that take long for what they add: before a release
	$(MAKE) test PYTEST_ARGS="$(PYTEST_ARGS) -m ''"

# Bytecode and packages of the tests as above.
soak: $(VENV)/.installed-dev ## Mistreat a server with workers under full load for 5 minutes (SOAK_ARGS="--database postgresql --seed 7")
	env -u PYTHONDONTWRITEBYTECODE PYTHONPYCACHEPREFIX=$(CURDIR)/$(VENV)/pycache PYTHONPATH=tests/packages PYTHONWARNINGS=ignore \
		$(BIN)/python -m tests.soak $(SOAK_ARGS)

check: $(VENV)/.installed-dev ## Lint, formatting and types, as in CI
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pip check

format: $(VENV)/.installed-dev ## Sort imports, mend what can be mended, format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed-dev $(DEMO) ## Compare with other servers on the same work (BENCH_ARGS="--help"); needs wrk
	@PYTHON=$(BIN)/python benchmarks/install.sh $(BENCH_PEERS)
	@$(BIN)/python -W "ignore:pkg_resources is deprecated" -m benchmarks $(BENCH_ARGS)

cost: $(VENV)/.installed-dev $(DEMO) ## Show the in-process cost of one request
	@$(BIN)/python -W "ignore:pkg_resources is deprecated" -m benchmarks.request_cost

screenshots: $(VENV)/.installed-dev $(DEMO) ## Photograph the pages anew, into docs/images; needs chromium
	@PYTHONWARNINGS="ignore:pkg_resources is deprecated" $(BIN)/python scripts/screenshots.py

clean: ## Remove caches, builds, the clients of other servers and the models of the examples; never var/, which holds predictions
	rm -rf build dist .venv-neighbours .pytest_cache .hypothesis .mypy_cache .ruff_cache $(DEMO_FOLDER)/*.ubj* $(DEMO_FOLDER)/data $(GALLERY_FOLDER)/data
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "mlserve needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

# Setuptools comes first, and then builds without isolation: the editable installs take seconds instead of half a minute.
$(VENV)/.build-tools: constraints.txt | $(BIN)/python
	@echo "Installing into $(VENV) ..."
	@$(PIP) setuptools
	@$(PIP) uv 2>/dev/null || true
	@touch $@

$(VENV)/.installed: $(PACKAGING) requirements.txt $(VENV)/.build-tools
	@$(call INSTALL,-r requirements.txt -r requirements-demo.txt)
	@touch $@

$(VENV)/.installed-dev: $(PACKAGING) requirements-dev.txt $(VENV)/.build-tools
	@$(call INSTALL,-r requirements-dev.txt)
	@touch $(VENV)/.installed $(VENV)/.installed-gallery $@

$(VENV)/.installed-gallery: $(VENV)/.installed requirements-gallery.txt
	@$(call INSTALL,-r requirements-gallery.txt)
	@touch $@

TRAINER := $(addprefix $(DEMO_FOLDER)/,train.py flight_data.py sidecar.py scores.py)

# The trainer writes the artefact last, so where it exists its sidecars are whole.
$(DEMO): $(TRAINER) | $(VENV)/.installed
	$(BIN)/python $(DEMO_FOLDER)/train.py

$(SECOND): $(TRAINER) | $(VENV)/.installed
	$(BIN)/python $(DEMO_FOLDER)/train.py --until 9 --to $@ --rows $(DEMO_FOLDER)/data

# The models of the gallery come out of two wheels, 36 MB, which stay in its folder; the last one written is named.
$(GALLERY): $(GALLERY_FOLDER)/prepare.py | $(VENV)/.installed-gallery
	$(BIN)/python $(GALLERY_FOLDER)/prepare.py
