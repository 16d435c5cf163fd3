# Gavel's commands. `make` lists them.
.DEFAULT_GOAL := help
.PHONY: help up down smoke test infra-test bench-edge programs

help: ## list the commands
	@echo "Gavel: live auctions, bids through WebAssembly at the edge"
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile
	@echo
	@echo "Ports of make up: GAVEL_EDGE_PORT (3000), GAVEL_WORKERS_PORT (8081), GAVEL_REDIS_PORT (6390),"
	@echo "GAVEL_POSTGRES_PORT (5440), GAVEL_AWS_PORT (4566), GAVEL_IVS_PORT (4567)"

up: ## install what is missing, build, start everything; Ctrl-C stops it
	@$(PROGRESS) --step 1/4 "installing what is missing" -- infra/local/install
	@$(MAKE) --no-print-directory programs STEP=2 STEPS=4 COMPONENTS=gavel-gateway
	@$(PROGRESS) --total $(STARTED) "installed and built, in all"
	@echo "[4/4] starting the stack"
	@exec $(TARGET)/debug/gavel-local up

down: ## stop a running stack
	@$(TARGET)/debug/gavel-local down

smoke: ## run auctions against the running stack and check every trace they leave
	@$(TARGET)/debug/gavel-local smoke

# There are no documentation tests (cargo-nextest would not run them): examples are marked as text.
test: ## run every test, each with a stack of its own where it needs one
	@$(PROGRESS) --step 1/5 "installing what is missing" -- infra/local/install test
	@$(MAKE) --no-print-directory programs STEP=2 STEPS=5
	@$(PROGRESS) --step 4/5 "building the tests" -- $(NEXTEST) --workspace --no-run
	@$(PROGRESS) --total $(STARTED) "installed and built, in all"
	@echo "[5/5] running the tests"
	@$(NEXTEST) --workspace

infra-test: ## make every stack in the emulator, run Gavel on them, say what became of each resource
	@$(PROGRESS) --step 1/5 "installing what is missing" -- infra/local/install test
	@$(MAKE) --no-print-directory programs STEP=2 STEPS=5
	@$(PROGRESS) --step 4/5 "building the tests" -- $(NEXTEST) --workspace --no-run
	@echo "[5/5] making the stacks"
	@$(NEXTEST) --workspace -E 'binary(infrastructure)' --success-output final

# The host is built as it ships: built together with the bench, it would get features of the bench's.
bench-edge: ## measure a bid at the edge beside HAProxy, Envoy and nginx (ARGS="--help": how else)
	@$(PROGRESS) --step 1/5 "installing what is missing" -- infra/local/install bench
	@$(PROGRESS) --step 2/5 "building the edge's WebAssembly" -- \
		env GAVEL_WASM_NAMES=$(PROFILED) infra/local/build-wasm \
		gavel-gateway gavel-forwarder gavel-forwarder-sdk
	@$(PROGRESS) --step 3/5 "building the edge's host" -- \
		cargo rustc --release --package gavel-host --bin gavel-host -- $(SYMBOLS)
	@$(PROGRESS) --step 4/5 "building the bench" -- cargo build --release --package gavel-load
	@echo "[5/5] measuring"
	@$(TARGET)/release/gavel-load $(ARGS)

PROFILED := $(if $(findstring --profile,$(ARGS)),1)
# What ships has no symbols; a profile is of little use without.
SYMBOLS := $(if $(PROFILED),-C strip=none)

# A failing test says what went wrong in its error; a hundred lines of the runtime's frames would hide it.
NEXTEST := env RUST_LIB_BACKTRACE=0 cargo nextest run

# Where cargo puts what it builds.
TARGET := $(or $(CARGO_TARGET_DIR),target)

# Says how far a step is, and nothing where there is nothing to do.
PROGRESS := infra/local/progress/run
STARTED := $(shell date +%s)

# COMPONENTS: all, with the tests' own, unless some are named.
programs:
	@$(PROGRESS) --step $(STEP)/$(STEPS) "building the edge's WebAssembly" -- infra/local/build-wasm $(COMPONENTS)
	@$(PROGRESS) --step $$(($(STEP) + 1))/$(STEPS) "building the programs" -- \
		cargo build --workspace --bins
