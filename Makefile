# Everything a newcomer or a contributor runs. `make up` and `make test` install what they need.

CACHE ?= $(HOME)/.cache/sampan
export CARGO_TARGET_DIR ?= $(CACHE)/target
TARGET := $(shell rustc -vV | sed -n 's/^host: //p')
RELEASE := $(CARGO_TARGET_DIR)/$(TARGET)/release/sampan

.PHONY: help up test setup test-setup build install images bench build-figures fuzz fmt clean-cache

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

up: setup build ## Start a cluster in the foreground and deploy a demo on it
	@$(RELEASE) check
	@$(RELEASE) up $(ARGS)

test: setup test-setup images ## Format, lint, structure, unit, in-process and end-to-end tests
	cargo xtask ci

setup: ## Install what the build needs
	@tools/setup build

test-setup:
	@tools/setup test

build: ## Build the release binary
	cargo build --release --package sampan

install: setup build ## Put the release binary into /usr/local/bin (or PREFIX/bin)
	install -D -m 755 $(RELEASE) $(or $(PREFIX),/usr/local)/bin/sampan

images: ## Build the test images from Debian packages
	@tools/images $(CACHE)/images

bench: setup test-setup build ## Print the figures of this machine, one JSON line each
	cargo run --quiet --release --package bench -- all --sampan $(RELEASE)

build-figures: setup ## Print what building costs: each crate in a debug build, a change in a leaf (release: RELEASE=1)
	@tools/build-figures $(if $(RELEASE),release,debug)

fuzz: setup ## Mutate the input of every decoder, each for SECONDS (600): the nightly recipe
	SAMPAN_FUZZ_SECONDS=$(or $(SECONDS),600) cargo test --no-fail-fast -p api -p machinery -p apiserver -p store -p kubelet -p runtime -p cli -p sampan -- bad_input fuzzing damaged

fmt: ## Format the code
	cargo fmt --all

clean-cache: ## Remove build products, test tools and test images
	rm -rf $(CACHE)
