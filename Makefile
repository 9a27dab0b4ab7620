# Zarnitsa's doors. `make run` and `make test` need Debian 12, rustup's cargo and Node 20; all else they install.

SHELL := /bin/bash
CACHE := $(HOME)/.cache/zarnitsa

# Outside the working tree, so that a fresh clone finds it warm.
export CARGO_TARGET_DIR ?= $(CACHE)/target
# A bitcoind that is on PATH already comes first.
export PATH := $(PATH):$(CACHE)/bitcoind/bin:$(CACHE)/bin
# exonum's derive macros draw warnings about future compilers; the toolchain is pinned.
export CARGO_FUTURE_INCOMPAT_REPORT_FREQUENCY := never

.PHONY: help install ui run test soak interop bench advisories

help:
	@echo 'make run         the regtest world: bitcoind, one hub, two users, the web UI'
	@echo 'make test        every check and test'
	@echo 'make soak        the long versions of simulation, kill, fault, reorg and interoperability runs'
	@echo 'make interop     ldk-node as a peer of the built program'
	@echo 'make bench       benchmarks'
	@echo 'make advisories  known vulnerabilities in the lockfile (needs the network)'

install:
	@scripts/install
	@scripts/install-bitcoind "$(CACHE)/bitcoind"

# Built before the node, which embeds frontend/dist.
ui: install
	@scripts/web build

run: ui
	cargo build --locked --package zarnitsa-node
	@exec "$(CARGO_TARGET_DIR)/debug/zarnitsa" demo

test: install
	@scripts/install test
	@scripts/install-cargo-deny
	@scripts/test

# Tests that have a long version read ZARNITSA_SOAK.
soak: ui
	@scripts/install test
	ZARNITSA_SOAK=1 scripts/test

interop: install
	cargo build --locked --workspace --bins
	@scripts/interop test

# It ends with a table: user to hub to user, ours beside ldk-node's.
bench: ui
	cargo build --locked --release --package zarnitsa-node
	cargo bench --locked --package zarnitsa-ledger --bench ledger
	cargo bench --locked --package zarnitsa-tests --bench payments
	cargo bench --locked --package zarnitsa-tests --bench hubs
	@scripts/interop bench

advisories: install
	@scripts/install-cargo-deny
	cargo deny check advisories
