# `make demo` runs the main job on this machine; `make test` runs every test; `make help` lists the rest.
SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
export PYTHONPATH := $(CURDIR)/operator/src:$(CURDIR)/emulator/src:$(CURDIR)
export PYTHONDONTWRITEBYTECODE := 1

# Each recipe is one shell that ends in `exec`: Ctrl-C reaches the program itself.
RUN = env=$$(dev/env) && exec "$$env/bin/python"

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

demo: ## the main job on this machine, from nothing to the counted words (TEXT=file SHARDS=n)
	@dev/preflight machines && $(RUN) -m dev.stack demo

test: ## every test: unit, component, emulator, e2e; nothing skipped
	@dev/preflight machines tests && exec dev/test $(PYTEST)

unit: ## the pure tests (seconds)
	@$(RUN) -m pytest tests/unit $(PYTEST)

verify: ## generated files current, ruff, mypy strict, import contracts
	@$(RUN) -m dev.generate --check
	@$(MAKE) lint

lint: ## ruff, mypy strict, import contracts
	@set -e; bin=$$(dev/env)/bin; "$$bin/ruff" check .; "$$bin/ruff" format --check .; \
	"$$bin/mypy" operator/src emulator/src dev; "$$bin/lint-imports"

generate: ## write the generated files: crds/, manifests/install/, docs/reference/
	@$(RUN) -m dev.generate

up: ## start cluster, emulator and operator in the background
	@dev/preflight machines && $(RUN) -m dev.stack up

down: ## stop what `make up` started
	@$(RUN) -m dev.stack down

env: ## print the exports for what `make up` started: eval "$(make -s env)"
	@$(RUN) -m dev.stack env

bench: ## throughput with light machines (N=1000 TASKS=1)
	@dev/preflight && $(RUN) -m dev.bench

.PHONY: help demo test unit verify lint generate up down env bench
