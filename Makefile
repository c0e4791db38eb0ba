# What a developer does with this repository. `make` lists it.
.DEFAULT_GOAL := help
.PHONY: help demo serve test test-fast check format lock image bench-sandbox bench-server bench-agreement bench-search calibrate clean bootstrap-runtime bootstrap-dev

bin := .venv/bin
packages := unhobble search_spaces sandboxes service benchmarks
# As root the real servers can always be had, so their absence is a failure there and not a reason to skip tests.
export UNHOBBLE_REQUIRE_SERVICES ?= $(if $(filter 0,$(shell id -u)),1,0)
# More arguments for pytest: make test ARGS="tests/service -k budget"
ARGS ?=

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: bootstrap-runtime ## search on a simulated model, from nothing to a report
	@$(bin)/unhobble demo

serve: bootstrap-runtime ## the service on this machine
	@$(bin)/unhobble serve

test: bootstrap-dev ## every test, against a real Docker engine, PostgreSQL and Ray
	@scripts/with-services $(bin)/pytest -n 2 --dist loadgroup $(or $(ARGS),tests)

test-fast: bootstrap-dev ## the tests that need no server
	@$(bin)/pytest -n auto --dist worksteal -m "not docker and not postgres and not ray and not slow" $(or $(ARGS),tests)

check: bootstrap-dev ## lint, format, types, direction of imports
	@$(bin)/ruff check . scripts/with-services
	@$(bin)/ruff format --check . scripts/with-services
	@$(bin)/mypy --strict $(packages)
	@$(bin)/lint-imports

format: bootstrap-dev ## let ruff put the code in order
	@$(bin)/ruff check --fix-only . scripts/with-services
	@$(bin)/ruff format . scripts/with-services

lock: bootstrap-dev ## lock the requirements again; ARGS=--upgrade takes newer versions
	@scripts/lock $(ARGS)

image: bootstrap-dev ## build the sandbox image
	@scripts/with-services scripts/build-sandbox-image

bench-sandbox: bootstrap-dev ## what sandboxes cost, beside Inspect AI; needs root. ARGS="--quick --json FILE"
	@benchmarks/sandbox/prepare
	@$(bin)/python -m benchmarks.sandbox $(ARGS)

bench-server: bootstrap-dev ## whether the organism server keeps its latency under load, and its CPU time. ARGS="--quick --json FILE"
	@$(bin)/python -m benchmarks.organism_server $(ARGS)

bench-agreement: bootstrap-dev ## whether simulated rollouts agree with real ones, for every SIMULATED model. ARGS="--rollouts 60 --keep FILE"
	@$(bin)/python -m benchmarks.agreement $(ARGS)

bench-search: bootstrap-dev ## how well strategies and peers search surfaces whose best is known. ARGS="--strategies pooled tpe --keep FILE"
	@benchmarks/install-peers
	@$(bin)/python -m benchmarks.search $(ARGS)

calibrate: bootstrap-runtime ## calibrate on every SIMULATED model, and write docs/calibration.* and the tables anew; minutes
	@$(bin)/unhobble calibrate --save docs/calibration.json $(ARGS)
	@$(bin)/python -m service.calibration.pages

clean: ## remove .venv, .venv-bench and caches; the sandbox image's cache in ~/.cache/unhobble stays
	@rm -rf .venv .venv-bench .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

bootstrap-runtime:
	@scripts/bootstrap runtime

bootstrap-dev:
	@scripts/bootstrap dev
