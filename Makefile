# Needs make and Python 3.11 or newer; tests on a real Kafka also need Java 17 or newer and Maven.
# The first target that needs .venv creates it from the locked, hash-checked requirements.

# The first of these that is new enough is used; PYTHON=... is tried before them.
PYTHONS = $(PYTHON) python3.13 python3.12 python3.11 python3 python
NEW_ENOUGH = import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
# Worker processes of a test run. Tests compute for a third of their time and wait for processes and sessions for the
# rest, so three for each core of a small machine.
JOBS ?= 6

BIN = .venv/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
WORKERS = --numprocesses=$(JOBS) --dist=worksteal
PYTEST = $(BIN)/pytest $(WORKERS)
# What takes seconds and tests the pure rooms. Mutants and twenty thousand histories take minutes, and branches seldom.
COVERING = tests/unit/core tests/unit/livechat tests/simulation/test_stateful.py \
	tests/simulation/test_two_organizations.py tests/simulation/calls/test_calls.py::test_no_history_violates_a_property
# What needs Debian's prometheus, the schemas of Kubernetes or a browser has a target of its own.
WITHOUT_OTHERS = --ignore=tests/deploy --ignore=tests/web
COMPILE = UV_CUSTOM_COMPILE_COMMAND="make lock" uv pip compile --quiet --universal --python-version=3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links
LOCKED = --constraints=requirements-dev.txt

BENCHES = $(patsubst tests/bench/%/__main__.py,bench-%,$(wildcard tests/bench/*/__main__.py))
# The steady one is `make soak`.
SOAKS = $(filter-out soak-steady,$(patsubst tests/soak/%/__main__.py,soak-%,$(wildcard tests/soak/*/__main__.py)))

# Of `make soak`.
MINUTES ?= 60

# Of `make image`. The engine's own driver builds for one platform only: `docker buildx create --use` makes a builder for both.
TAG ?= livechat-tagger
PLATFORMS ?= linux/amd64,linux/arm64
VERSION = $(shell .ci/version)

.PHONY: help demo test test-fast test-deploy test-web faults coverage lint soak kafka $(BENCHES) $(SOAKS) lock dist sbom image clean
.DELETE_ON_ERROR:

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@for long in $(BENCHES) $(SOAKS); do echo "  make $$long"; done

demo: .venv/ready  ## watch chats get their tags: a simulated LiveChat, the real services and page (1 minute, or ARGS=--keep-running)
	$(BIN)/tagger demo $(ARGS)

test: .venv/ready  ## all tests; those on a real Kafka start one, or use KAFKA_BOOTSTRAP_SERVERS
	@$(BIN)/python -m tests.kafka.jars || true  # the tests that need it say so, too
	$(PYTEST) $(WITHOUT_OTHERS)

test-fast: .venv/ready  ## the tests that need no Java
	$(PYTEST) $(WITHOUT_OTHERS) -m "not real_kafka"

test-deploy: .venv/deploy .venv/asyncapi/ready  ## alert rules and their failures, dashboard, manifests, AsyncAPI; needs Debian's prometheus and npm
	@for program in promtool prometheus; do \
		if ! command -v $$program >/dev/null; then echo "$$program is missing: apt-get install prometheus" >&2; exit 2; fi; \
	done
	$(PYTEST) tests/deploy

# One worker: a browser takes a core, and what it measures of a page is for one page at a time.
test-web: .venv/web-test .venv/axe/ready  ## the page in a real browser; needs chromium and npm (Debian: chromium npm)
	@if ! command -v chromium >/dev/null; then echo "chromium is missing: apt-get install chromium" >&2; exit 2; fi
	$(BIN)/pytest tests/web

faults: .venv/ready  ## every fault on a real Kafka; takes long, and writes deploy/proof.md; ARGS="--times 3"
	@$(BIN)/python -m tests.kafka.jars
	$(BIN)/python -m tests.faults $(ARGS)

coverage: .venv/ready  ## branches of tagger/core and tagger/livechat that short tests take; fails below a floor
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(WORKERS) $(COVERING)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

lint: .venv/ready  ## ruff and mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

kafka: .venv/ready  ## a real Apache Kafka on the loopback, until Ctrl-C
	@exec $(BIN)/python -m tests.kafka

$(BENCHES): bench-%: .venv/bench
	$(BIN)/python -m tests.bench.$* $(ARGS)

bench-tagger: .venv/quix/ready

soak: .venv/bench  ## both services at half of the highest rate for MINUTES=60: memory, lag and latency as CSV and plot
	$(BIN)/python -m tests.soak.steady --minutes=$(MINUTES)

$(SOAKS): soak-%: .venv/ready
	$(BIN)/python -m tests.soak.$*

lock:  ## lock the newest dependencies that pyproject.toml allows (needs uv)
	$(COMPILE) --upgrade pyproject.toml --extra=test --extra=lint --group=build -o requirements-dev.txt >/dev/null
	$(COMPILE) $(LOCKED) pyproject.toml -o requirements.txt >/dev/null
	$(COMPILE) $(LOCKED) pyproject.toml --extra=otel -o requirements-otel.txt >/dev/null
	$(COMPILE) $(LOCKED) --group=build -o requirements-build.txt >/dev/null
	$(COMPILE) $(LOCKED) pyproject.toml --extra=bench -o requirements-bench.txt >/dev/null
	$(COMPILE) $(LOCKED) pyproject.toml --extra=deploy -o requirements-deploy.txt >/dev/null
	$(COMPILE) $(LOCKED) pyproject.toml --extra=web-test -o requirements-web-test.txt >/dev/null
	$(COMPILE) --group=pyproject.toml:quix -o tests/bench/tagger/requirements-quix.txt >/dev/null

dist: .venv/ready  ## wheel and source distribution, in dist/
	$(BIN)/python -m hatchling build --clean --directory dist

sbom:  ## dist/sbom.cdx.json, the bill of materials of requirements.txt (CycloneDX)
	@mkdir -p dist
	.ci/sbom.py requirements.txt > dist/sbom.cdx.json

image:  ## the image for amd64 and arm64, with bill of materials and provenance; TAG=..., ARGS=--push (needs docker buildx)
	docker buildx build --platform=$(PLATFORMS) --build-arg=VERSION=$(VERSION) --build-arg=REVISION=$$(git rev-parse HEAD) \
		--sbom=true --provenance=true --tag=$(TAG):$(VERSION) $(ARGS) .

clean:  ## remove everything generated: .venv, .kafka, caches
	rm -rf .venv .kafka .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.* build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/ready: requirements-dev.txt pyproject.toml
	@if ! $(BIN)/python -c '$(NEW_ENOUGH)' 2>/dev/null; then \
		for python in $(PYTHONS); do \
			if $$python -c '$(NEW_ENOUGH)' 2>/dev/null; then found=$$python; break; fi; \
		done; \
		if [ -z "$$found" ]; then \
			echo "Python 3.11 or newer with venv is missing (Debian: python3-venv); set PYTHON=... if it has another name" >&2; exit 2; \
		fi; \
		echo "Creating .venv with $$($$found --version)"; \
		$$found -m venv --clear .venv; \
	fi
	@$(PIP) --require-hashes --requirement requirements-dev.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

# Schemas of Kubernetes objects.
.venv/deploy: .venv/ready requirements-deploy.txt
	@$(PIP) --require-hashes --requirement requirements-deploy.txt
	@touch $@

# AsyncAPI's own parser, which is a program for Node.
.venv/asyncapi/ready: .venv/ready $(wildcard tests/deploy/asyncapi/*)
	@if ! command -v npm >/dev/null; then echo "npm is missing: apt-get install npm" >&2; exit 2; fi
	@mkdir -p .venv/asyncapi && cp tests/deploy/asyncapi/* .venv/asyncapi
	@npm ci --prefix .venv/asyncapi --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

# What drives a browser.
.venv/web-test: .venv/ready requirements-web-test.txt
	@$(PIP) --require-hashes --requirement requirements-web-test.txt
	@touch $@

# Rules of accessibility, a script that a browser runs.
.venv/axe/ready: .venv/ready $(wildcard tests/web/axe/*)
	@if ! command -v npm >/dev/null; then echo "npm is missing: apt-get install npm" >&2; exit 2; fi
	@mkdir -p .venv/axe && cp tests/web/axe/* .venv/axe
	@npm ci --prefix .venv/axe --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

# Other software that benchmarks compare with.
.venv/bench: .venv/ready requirements-bench.txt
	@$(PIP) --require-hashes --requirement requirements-bench.txt
	@touch $@

# Quix Streams pins other versions than we do, so it gets an environment of its own.
.venv/quix/ready: .venv/ready tests/bench/tagger/requirements-quix.txt
	@$(BIN)/python -m venv --clear .venv/quix
	@.venv/quix/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes \
		--requirement tests/bench/tagger/requirements-quix.txt
	@touch $@
