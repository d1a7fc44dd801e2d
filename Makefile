# smtpgw: everything you can do here. `make` or `make help` lists it.
#
# Each target sets up what it needs and repeats nothing that is done: the steps are in scripts/setup, the stamps in
# .venv. One cargo profile (release) and one target directory serve the build, the tests and the benchmarks.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
# rustup's own place, for shells that were opened before it was installed.
export PATH := $(PATH):$(HOME)/.cargo/bin

# Flags set by hand stand in place of those of .cargo/config.toml, without which the extension cannot be linked.
ifneq ($(origin RUSTFLAGS),undefined)
export RUSTFLAGS += -C embed-bitcode=yes
endif

VENV := .venv
PY := $(VENV)/bin/python
# Words added to a command: make run ARGS=--help, make test-python ARGS='-k tls', make bench ARGS=--quick
ARGS ?=
# The extension module has no Rust tests of its own: its tests are the Python ones.
CRATES := --release --locked --workspace --exclude smtpgw-python
RUST := Cargo.toml Cargo.lock $(shell find rust -type f)
say = @printf '== %s\n' "$(1)"

## Use it

.PHONY: run
run: build ## the demonstration: messages through a real gateway, each with its verdict
	@$(VENV)/bin/smtpgw demo $(ARGS)
	@printf '\n%s\n' \
	  'Your own gateway, with embedded defaults (127.0.0.1:2525, a local Maildir, a certificate made at start):' \
	  '    $(VENV)/bin/smtpgw run' \
	  'In front of a mail server: write smtpgw.toml (README.md), then' \
	  '    $(VENV)/bin/smtpgw check -c smtpgw.toml && $(VENV)/bin/smtpgw run -c smtpgw.toml'

.PHONY: build
build: $(VENV)/.built ## the release build, as .venv/bin/smtpgw

.PHONY: bench
bench: build ## the benchmark suite: gateway and peers in one run (ARGS=--quick for a look)
	@scripts/setup contenders
	$(PY) benches/run.py $(ARGS)

## Test it

.PHONY: test
test: lint-light test-rust peers ## all tests: crates, Python, and real mail servers and clients
	$(call say,Python tests: API; command line; real peers)
	$(PY) -m pytest tests $(ARGS)

.PHONY: test-rust
test-rust: ## the tests of the crates
	@scripts/setup cargo
	$(call say,Rust tests)
	cargo test $(CRATES)

.PHONY: test-python
test-python: build ## the Python tests that need no other mail program (ARGS='-k words')
	$(PY) -m pytest tests --ignore tests/interop $(ARGS)

.PHONY: test-interop
test-interop: peers ## the tests against real mail servers and clients (ARGS='-k words')
	$(PY) -m pytest tests/interop $(ARGS)

.PHONY: peers
peers: build ## the mail programs the tests talk to (scripts/setup lists them), by apt and npm; two are only unpacked
	@scripts/setup peers

.PHONY: fuzz
fuzz: ## fuzz what reads a stranger's octets, a minute each (ARGS='--seconds 600 mime'); builds on its own
	@scripts/setup cargo
	scripts/fuzz $(ARGS)

## Work on it

.PHONY: check
check: lint test ## what a change must pass: lint, then all tests

.PHONY: lint
lint: lint-light build ## clippy, rustdoc, mypy and the stub of the extension, warnings denied
	$(call say,clippy and rustdoc)
	cargo clippy $(CRATES) --all-targets -- -D warnings
	cargo clippy --release --locked -p smtpgw-python -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc $(CRATES) --no-deps --quiet
	$(call say,mypy and stubtest)
	$(VENV)/bin/mypy
	$(VENV)/bin/stubtest smtpgw._core

.PHONY: lint-light
lint-light: $(VENV)/.deps ## format and ruff: seconds, no build
	$(call say,format and lint)
	@scripts/setup cargo
	@if cargo fmt --version >/dev/null 2>&1; then cargo fmt --all --check; \
	else echo 'skipped: cargo fmt (rustup component add rustfmt)'; fi
	$(VENV)/bin/ruff check --quiet .
	$(VENV)/bin/ruff format --check --quiet .

.PHONY: fmt
fmt: $(VENV)/.deps ## format Rust and Python
	cargo fmt --all
	$(VENV)/bin/ruff check --quiet --fix-only .
	$(VENV)/bin/ruff format .

.PHONY: clean
clean: ## remove everything that was built or set up here
	rm -rf $(VENV) target benches/results .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find python tests benches -name __pycache__ -prune -exec rm -rf {} +
	rm -f python/smtpgw/_core*.so

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^## /{printf "\n%s\n", substr($$0, 4)} \
	  /^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The steps of setting up, and their stamps. The Python sources are not among what the build depends on: the
# environment uses them in place.

$(VENV)/.made: scripts/setup
	@scripts/setup venv
	@touch $@

$(VENV)/.deps: $(VENV)/.made requirements-dev.txt
	@scripts/setup deps
	@touch $@

$(VENV)/.built: $(VENV)/.deps pyproject.toml $(RUST)
	@scripts/setup build
	@touch $@
