# ecs-queue-controller: everything a developer runs. `make help` lists it.
# The first Python of 3.11 or later that runs.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
VENV   := .venv
BIN    := $(VENV)/bin
UV     ?= uv
ARGS   ?=
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
IMAGE  ?= ecs-queue-controller:$(VERSION)
PUSH   ?=
# docker or buildah, whichever works here.
ENGINE ?= $(shell for engine in docker buildah; do $$engine info >/dev/null 2>&1 && echo $$engine && break; done)

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The locked dependencies, hashes required, then the project itself without asking a registry again.
$(VENV)/.installed: locks/dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or later was found. Install one, or say make PYTHON=/path/to/python" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "make: $(PYTHON) is not a Python 3.11 or later. Say make PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r locks/dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: setup
setup: $(VENV)/.installed ## Create .venv with the locked dependencies

.PHONY: run
run: setup ## Run the sandbox with the real daemon (ARGS="--duration 30s")
	$(BIN)/ecsq sandbox $(ARGS)

.PHONY: test
test: setup ## Run the tests, about 4 minutes on two quiet cores (ARGS=tests/core)
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

.PHONY: check
check: lint types contracts test ## The one gate: lint, types, import contracts, tests

.PHONY: lint
lint: setup ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: format
format: setup ## Format the code and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: types
types: setup ## Check types (strict)
	$(BIN)/mypy

.PHONY: contracts
contracts: setup ## Check the layers' import contracts
	$(BIN)/lint-imports

.PHONY: soak
soak: setup ## Break the controller for ten minutes (ARGS="--duration 3m")
	$(BIN)/ecsq sandbox --soak $(ARGS)

.PHONY: bench
bench: setup ## Measure requests, CPU and memory; prints, asserts nothing
	$(BIN)/python -m tests.bench $(ARGS)
	$(BIN)/python -m tests.bench_promise

.PHONY: bench-scale
bench-scale: setup ## Measure very many idle queues (ARGS="1000 10000")
	$(BIN)/python -m tests.bench_scale $(ARGS)

.PHONY: fidelity
fidelity: setup ## Compare sandbox and simulation, six minutes (ARGS="--short")
	$(BIN)/python -m tests.fidelity $(ARGS)

.PHONY: image
image: ## Build the image with docker or buildah (PUSH=REPOSITORY:TAG)
	@test -n "$(ENGINE)" || { echo "make: neither docker nor buildah works here; set ENGINE=/path/to/one" >&2; exit 1; }
	$(ENGINE) build $(if $(findstring buildah,$(ENGINE)),--format docker) --tag $(or $(PUSH),$(IMAGE)) \
	  --build-arg VERSION=$(VERSION) --build-arg REVISION="$$(git rev-parse HEAD 2>/dev/null)" .
	$(if $(PUSH),$(ENGINE) push $(PUSH))

.PHONY: dist
dist: setup ## Build a wheel and an sdist into dist/
	$(BIN)/python -m hatchling build --directory dist

.PHONY: lock
lock: ## Resolve the dependencies again, write locks/ (needs uv)
	for lock in run: "sandbox:--extra sandbox" "dev:--extra sandbox --extra simulate --group dev --group build"; do \
	  $(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    pyproject.toml $${lock#*:} --output-file locks/$${lock%%:*}.txt || exit 1; \
	done
	$(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --group build --output-file locks/build.txt

.PHONY: clean
clean: ## Remove .venv and what tools have written
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
