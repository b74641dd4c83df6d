# Everything that is done with this checkout. `make test` is what CI runs.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build

# Go's own place comes last: a go that is already on PATH wins.
export PATH := $(PATH):/usr/local/go/bin

VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
FUZZTIME ?= 60s
SOAKTIME ?= 3h
BENCH    ?=

.PHONY: build build-openssl run web web-dev web-check test check soak fuzz bench docs clean

# The page of the console is embedded in the binary. Without npm the build goes on, with the page that is there or with none.
PAGE    := internal/console/assets/index.html
MODULES := web/node_modules/.package-lock.json

build: $(PAGE) ## bin/posthoorn, one static binary
	CGO_ENABLED=0 go build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/posthoorn ./cmd/posthoorn

build-openssl: $(PAGE) ## the same, signing with the OpenSSL of the machine it runs on; it needs the C library there
	CGO_ENABLED=0 go build -trimpath -tags openssl -ldflags '-X main.version=$(VERSION)' -o bin/posthoorn ./cmd/posthoorn

$(PAGE): $(shell find web -type f -not -path 'web/node_modules/*' -not -path 'web/mock/*' -not -path 'web/test/*')
	@{ command -v npm >/dev/null && $(MAKE) --no-print-directory web; } || \
		echo "the console page is $$(test -e $(PAGE) && echo older than its sources || echo missing): it needs Node 20.19 or newer with npm, and packages from the npm registry; then run make web" >&2

web: $(MODULES) ## the page of the console, into internal/console/assets
	cd web && npm run --silent build

web-dev: $(MODULES) ## the page with live reload, and the data of a mock; POSTHOORN_CONSOLE=http://host:port: those of a daemon
	cd web && if [ -n "$${POSTHOORN_CONSOLE:-}" ]; then npm run dev; else npm run mock & trap 'kill %1' EXIT; npm run dev; fi

web-check: $(MODULES) ## types, words, and every view in a browser (Chromium) against the mock
	cd web && npm run --silent check && npm run --silent test && npm run --silent drive

$(MODULES): web/package-lock.json
	cd web && npm ci --no-audit --no-fund
	@touch $@

run: build ## the program in a trial set-up, nothing leaves this machine
	./bin/posthoorn trial

test: check ## all that CI checks
	go test -race -shuffle=on -timeout 14m -p 3 ./...

check: ## the servers that tests start, the page of the console, format, vet
	@if [ "$$(id -u)" = 0 ]; then .ci/install; fi
	@$(MAKE) --no-print-directory $(PAGE)
	@unformatted=$$(gofmt -l .); \
	if [ -n "$$unformatted" ]; then printf 'not formatted with gofmt:\n%s\n' "$$unformatted" >&2; exit 1; fi
	go vet -race ./...
	go vet -race -tags soak,openssl ./...

soak: check ## the long kill runs, then every fuzz target for FUZZTIME
	POSTHOORN_SOAK=1 go test -tags soak -race -shuffle=on -timeout $(SOAKTIME) -p 1 ./...
	$(MAKE) fuzz

fuzz: ## every fuzz target for FUZZTIME (default 60s)
	@for package in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' "$$package" | grep '^Fuzz' || true); do \
			echo "$$package $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package"; \
		done; \
	done

bench: build ## the yardsticks; flags for them in BENCH, such as BENCH=-quick or BENCH=-help
	go build -trimpath -o bin/bench/ ./bench/...
	bin/bench/run $(BENCH)

docs: ## docs/configuration.md, from the table of keys, and docs/metrics.md, from what daemons show
	go test ./internal/app/config -update
	go test ./test/e2e -run '^TestMetrics$$' -update

clean:
	rm -rf bin
	go clean -testcache
