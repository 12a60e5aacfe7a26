# SPDX-License-Identifier: GPL-2.0-or-later
# Short names for what a person does here. Meson builds; scripts/ does the work.
MAKEFLAGS += --no-print-directory
BUILD   ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
FUZZ_SECONDS ?= 20
export BUILD PREFIX DESTDIR FUZZ_SECONDS

.DEFAULT_GOAL := build
.PHONY: build deps run stop test test-unit test-e2e bench bench-peers lint format \
        sanitize tsan fuzz install uninstall deb dist help clean

build: ## Build the programs into build/
	@scripts/build.sh

deps: ## Install the packages needed to build, test and lint (as root)
	@scripts/deps.sh build run test lint

run: ## Build, start a private daemon, run a container that shows itself (as root)
	@scripts/run.sh

stop: ## Stop the daemon of `make run` and remove everything it made (as root)
	@scripts/stop.sh

test: ## Build, run the unit and end-to-end tests, print the total (as root)
	@scripts/test.sh unit e2e

test-unit: ## Build and run the unit tests
	@scripts/test.sh unit

test-e2e: ## Build and run the end-to-end tests (as root; ARGS="-k name" selects)
	@scripts/test.sh e2e

bench: ## Time Lighter and every peer found on this machine, print ratios (as root)
	@scripts/bench.sh

bench-peers: ## Install the peers that `make bench` compares with (as root)
	@scripts/deps.sh bench peers

lint: ## Check formatting, layering, sizes and banned calls; clang-tidy and cppcheck
	@scripts/lint.sh

format: ## Format every C file in place
	@scripts/format.sh

sanitize: ## Build with ASan and UBSan and run the tests with it (SUITES="unit e2e")
	@scripts/sanitize.sh asan

tsan: ## Build with TSan and run the tests with it (SUITES="unit e2e")
	@scripts/sanitize.sh tsan

fuzz: ## Run each fuzzer for FUZZ_SECONDS (default 20)
	@scripts/fuzz.sh

install: ## Install into $(DESTDIR)$(PREFIX)
	@scripts/install.sh

uninstall: ## Remove what `make install` put there
	@scripts/install.sh --remove

deb: ## Make a Debian package in dist/
	@scripts/deb.sh

dist: ## Make a tarball of the stripped programs in dist/
	@scripts/dist.sh

clean: ## Remove the build directories and dist/
	@[ ! -e $(BUILD)/run ] || { echo "a demo daemon lives in $(BUILD)/run: sudo make stop" >&2; exit 1; }
	@rm -rf $(BUILD) build-lint build-asan build-tsan build-fuzz build-release dist

help: ## Show this
	@sed -n 's/^\([a-z][a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22
