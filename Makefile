# Flightline. Plain `make` lists the targets. Nothing has to be there first but Python 3.11, 3.12, 3.13 or 3.14 and make.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

VENV := .venv
BIN := $(VENV)/bin
# What a person may set: `make demo EPOCHS=100 OPEN=1`, `make install TORCH_BACKEND=cpu`, `make test ARGS="-k shapes"`.
EPOCHS = 20
OPEN =
ARGS ?=
# cpu takes torch's small CPU builds; what was chosen once holds until said otherwise (TORCH_BACKEND=default).
TORCH_BACKEND ?= $(or $(patsubst $(VENV)/.run-%,%,$(firstword $(wildcard $(VENV)/.run-*))),default)
# What is installed: all that running needs (.run-), and the tools of developers beside it (.tools-).
RUN := $(VENV)/.run-$(TORCH_BACKEND)
TOOLS := $(VENV)/.tools-$(TORCH_BACKEND)
# Images: what FLIGHTLINE_DATA_DIR says, else `datasets` here, else `shared/data` beside the checkout, else the home's own folder.
FOUND_DATA := $(abspath $(firstword $(wildcard datasets ../shared/data)))
export FLIGHTLINE_DATA_DIR ?= $(FOUND_DATA)
ifeq ($(FLIGHTLINE_DATA_DIR),)
unexport FLIGHTLINE_DATA_DIR
endif
# Where this is set, as in many containers, each process of a service would compile anew all that it loads.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: install
install: $(RUN) ## virtual environment with all that running needs (TORCH_BACKEND=cpu: torch's small CPU builds)

.PHONY: tools
tools: $(TOOLS) ## the same, and what tests and linters need

define INSTALL # a lock
	rm -f $(VENV)/.run-* $(VENV)/.tools-*
	[ -x $(BIN)/python ] || "$$(deploy/find-python)" -m venv $(VENV)
	TORCH_BACKEND=$(TORCH_BACKEND) deploy/install $(BIN)/python $(1)
	$(BIN)/python -m uv pip install --quiet --python $(BIN)/python --no-deps --build-constraint locks/dev.lock --editable .
endef

# A developer's environment stays one: `make up` after a change of the locks brings its tools up to date too.
HAD_TOOLS := $(wildcard $(VENV)/.tools-*)
$(RUN): pyproject.toml locks/local.lock deploy/install deploy/find-python
	$(call INSTALL,locks/$(if $(HAD_TOOLS),dev,local).lock)
	touch $(RUN) $(if $(HAD_TOOLS),$(TOOLS))

$(TOOLS): pyproject.toml locks/dev.lock deploy/install deploy/find-python
	$(call INSTALL,locks/dev.lock)
	touch $(RUN) $(TOOLS)

PAGE := api/static/page/index.html
.PHONY: web
web: $(PAGE) ## the page, built from web/ into api/static/page

$(PAGE): $(shell find web -path web/node_modules -prune -o -path web/src/api/schema.ts -o -type f -print) deploy/web | install
	deploy/web $(BIN)/python build

.PHONY: web-dev
web-dev: install ## the page from its sources, anew with each change, before the service that runs here (FLIGHTLINE_URL=)
	deploy/web $(BIN)/python dev

.PHONY: demo
demo: install web ## the stack up, the notebook's three networks and a convnet trained, a table of results (EPOCHS=20, OPEN=1: in a browser)
	$(BIN)/flightline demo --epochs $(EPOCHS) $(if $(OPEN),--open) || [ $$? -eq 130 ]

.PHONY: up
up: install web ## API, workers, Redis and database on this machine, until Ctrl-C
	$(BIN)/flightline up || [ $$? -eq 130 ]

# One more than two cores: much of a test is waiting.
PARALLEL = --numprocesses 3 --dist loadfile

.PHONY: test
test: tools web ## the whole test suite (ARGS="tests/unit -n0" for a part)
	deploy/web $(BIN)/python test
	$(BIN)/pytest $(PARALLEL) $(ARGS)

SEED ?= 0
JOBS ?= 50
FAULTS ?= 25
TRIALS ?= 0
ALGORITHM ?= random
DATABASE ?= both
STORAGE ?= both
.PHONY: chaos
chaos: tools ## hurt a whole service at random, check that nothing is lost (SEED=, JOBS=, FAULTS=, DATABASE=sqlite|postgresql|both, STORAGE=folder|s3|both; TRIALS= and ALGORITHM=random|tpe for a sweep alone)
	$(BIN)/python -m tests.chaos --seed $(SEED) --jobs $(JOBS) --faults $(FAULTS) --trials $(TRIALS) --algorithm $(ALGORITHM) --database $(DATABASE) --storage $(STORAGE)

REQUESTS ?= 100000
.PHONY: fuzz
fuzz: tools ## send the API what it is not made for, check that it bears it (SEED=, REQUESTS=)
	$(BIN)/python -m tests.fuzz --seed $(SEED) --requests $(REQUESTS)

.PHONY: coverage
coverage: tools web ## the test suite with branch coverage
	$(BIN)/pytest $(PARALLEL) --cov --cov-report=term $(ARGS)

.PHONY: docs
docs: tools ## the documentation as a site in build/docs; a link that leads nowhere fails
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --conf-dir docs . build/docs
	cp build/docs/README.html build/docs/index.html
	cp -R docs/pictures build/docs/docs/

.PHONY: picture
picture: tools ## draw docs/picture.svg again, from a run of the service that runs here
	$(BIN)/python docs/picture.py

.PHONY: pictures
pictures: tools web ## take the pictures of the page in docs/pictures again, from runs of a service of its own
	$(BIN)/python -m docs.pictures

.PHONY: examples
examples: tools ## run the notebooks of examples/ on the service that runs here, and keep their outputs
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/jupyter-execute --inplace --NotebookClient.record_timing=False examples/*.ipynb
	rm -rf examples/shapes examples/small-convnet-*

.PHONY: lint
lint: tools docs ## style, types, layers, documentation, compose file, workflows, Dockerfile
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	deploy/web $(BIN)/python lint
	$(BIN)/python deploy/check_tree.py
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/hadolint Dockerfile
	if docker compose version >/dev/null 2>&1; then docker compose --profile gpu config --quiet; fi

.PHONY: format
format: tools ## put the code into the formatter's form
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	deploy/web $(BIN)/python format

ONLY ?=
ROUNDS ?= 5
.PHONY: bench
bench: tools web ## figures of this machine beside those of others, in one table (ONLY="jobs memory", ROUNDS=5)
	$(BIN)/python -m benchmarks $(ONLY) --rounds $(ROUNDS)

OUT ?= benchmarks/results/gpu
QUICK ?=
ENGINES ?=
PYTHON ?= python3
.PHONY: gpu
gpu: ## prove and time the engines of a GPU: any python3 with torch and pytest, nothing of ours (OUT=, ONLY="tests tapered", QUICK=1)
	$(PYTHON) -m benchmarks.gpu $(ONLY) --out $(OUT) $(if $(QUICK),--quick) $(if $(ENGINES),--engines $(ENGINES))

.PHONY: networks
networks: tools ## count the parameters and FLOPs of torchvision's networks again
	$(BIN)/python -m worker.training.network.torchvision_counts shared/jobspec/checks/torchvision_counts.py

.PHONY: locks
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
	--no-emit-index-url --no-header --annotation-style line pyproject.toml
locks: tools ## choose the newest versions again (UPGRADE= keeps those that still fit)
	$(COMPILE) $(UPGRADE) --all-extras --output-file locks/dev.lock
	rm -f locks/api.lock locks/local.lock locks/worker.lock
	for extra in api local worker; do \
	  $(COMPILE) --extra $$extra --constraint locks/dev.lock --output-file locks/$$extra.lock; done
UPGRADE ?= --upgrade

.PHONY: clean
clean: ## remove what was built and cached here; the environment and the homes stay
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage* *.egg-info
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +
