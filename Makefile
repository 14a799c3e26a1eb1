# `make demo` runs the main job on this machine; `make test` runs every test; `make help` lists the rest.
SHELL := /bin/sh
.DEFAULT_GOAL := help
export PYTHONPATH := $(CURDIR)/operator/src:$(CURDIR)/emulator/src:$(CURDIR)
export PYTHONDONTWRITEBYTECODE := 1

PY = "$$(dev/env)/bin/python"

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

lint: ## ruff, mypy strict, import contracts
	@set -e; env=$$(dev/env); "$$env/bin/ruff" check .; "$$env/bin/ruff" format --check .; \
	"$$env/bin/mypy" operator/src emulator/src; "$$env/bin/lint-imports"

unit: ## the pure tests (seconds)
	@$(PY) -m pytest tests/unit

.PHONY: help lint unit
