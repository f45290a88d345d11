.DEFAULT_GOAL := help
.PHONY: help demo test build sbom image release charts govulncheck lint unreachable generate
.PHONY: environments e2e freezes soak gains unkind mutate kafka chaos bench bench-against words

# The version that `ledgerboard version` prints if the go command does not record it.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)
COMMIT  ?= $(shell git rev-parse HEAD 2>/dev/null)

# The README promises that `make demo` and `make test` work in a fresh clone with only Go.
demo: ## run everything in one process, with a sample agency
	go run ./cmd/ledgerboard demo

# RERUN=1 runs each failed test once more and lists it at the end, as CI does. Tests wait for servers about half of
# the time, so more of them run at a time than there are processors. Without DWARF, linking takes a third less time.
test: ## run all tests; the last line lists tests that were skipped because a program is missing
	.ci/temporary $(if $(RERUN),.ci/rerun,go test) -ldflags=-w -p 4 -parallel $$((2 * $$(getconf _NPROCESSORS_ONLN))) -timeout 40m ./...
	@.ci/left-out

build: ## build bin/ledgerboard
	CGO_ENABLED=0 go build -trimpath -ldflags "-X main.version=$(VERSION) -X main.commit=$(COMMIT)" -o bin/ledgerboard ./cmd/ledgerboard

sbom: build ## write the bill of materials of the binary to bin/ledgerboard.cdx.json (CycloneDX)
	go tool -modfile=.ci/sbom.mod cyclonedx-gomod bin -json -version "$(VERSION)" -output bin/ledgerboard.cdx.json bin/ledgerboard

# REPOSITORY and TAG name the image. PUSH=true pushes it; otherwise it is written to dist/image as an OCI layout.
image: ## build the container image for Linux on amd64 and arm64, without a Docker daemon
	VERSION=$(VERSION) COMMIT=$(COMMIT) KO_DOCKER_REPO=$(or $(REPOSITORY),ledgerboard) go run github.com/google/ko@v0.19.1 build --bare \
		--platform linux/amd64,linux/arm64 --sbom spdx --tags $(or $(TAG),$(VERSION)) \
		--image-label org.opencontainers.image.title=ledgerboard,org.opencontainers.image.revision=$(COMMIT),org.opencontainers.image.version=$(VERSION) \
		--image-label org.opencontainers.image.source=https://github.com/ledgerboard/ledgerboard,org.opencontainers.image.licenses=Apache-2.0 \
		$(if $(filter true,$(PUSH)),,--push=false --oci-layout-path dist/image) ./cmd/ledgerboard

release: ## build the release archives for Linux and macOS in dist, without publishing them
	VERSION=$(VERSION) .ci/release

charts: ## lint, render and strictly decode the Helm chart, and test the alert rules
	.ci/charts

govulncheck: ## look for known vulnerabilities in called code; succeeds with a message if the database is unreachable
	.ci/govulncheck

lint: unreachable ## check the format, run vet and golangci-lint, and list unreachable functions
	gofmt -l $$(git ls-files '*.go') | (! grep .)
	go vet -tags e2e ./...
	go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run --build-tags e2e ./...

unreachable: ## list functions that the program cannot reach, except those named in .ci/unreachable
	.ci/unreachable

generate: ## regenerate the generated files; CI fails if that changes a file
	go generate ./...

# internal/dev/pgtest/environments.go explains the properties. PG=17 or PG=18 selects that version of PostgreSQL,
# which .ci/postgres downloads; otherwise the newest installed one is tested.
environments: export LEDGERBOARD_TEST_DATABASE = turkish,published,role,pgbouncer,timeouts,sessions
environments: export LEDGERBOARD_TEST_POSTGRES = $(PG)
environments: export PATH := $(if $(PG),$(shell .ci/postgres $(PG)):)$(PATH)
environments: ## test tables, rebuilds and searches with a database of another locale, owner, pooler and limits
	.ci/temporary go test -count=1 -p 2 -timeout 20m ./migrations ./projections/...
	.ci/temporary go test -count=1 -run 'TestPools|OfTheDatabase' ./internal/pg
	.ci/temporary go test -count=1 -p 2 -timeout 20m -run 'Search|Alphabet|OneAddress' ./readmodels ./api

# KILLS is how often processes are killed while commands ask them. The tests wait for processes most of the time, so
# more of them run at a time than a small machine has cores.
e2e: ## test the program as a process, with kill -9 under load and stock clients
	LEDGERBOARD_E2E_KILLS=$(KILLS) go test -count=1 -parallel 3 -timeout 100m -tags e2e ./internal/dev/e2e/...

# RUNS is the number of runs: make freezes RUNS=3 PACKAGES=./commands/collect
freezes: ## run all tests twenty times on a machine that stalls, to find tests that depend on timing
	.ci/temporary .ci/freezes $(or $(RUNS),20) $(or $(PACKAGES),./...)

# Fetches 20,000 connections for 10 hours of accelerated time; CI fetches 2,000 for 2 hours.
soak: ## fetch for ten hours of accelerated time, with simulated faults
	LEDGERBOARD_SOAK=full go test -count=1 -v -timeout 6h -run TestSoak ./internal/dev/soak

# WORLDS is the number of worlds. A failure prints a seed; LEDGERBOARD_WORLD_SEED repeats that world. CI runs
# 300 of `make gains` and twenty of `make unkind`, other ones for each commit.
gains: ## check the rules for gains with a thousand random worlds
	LEDGERBOARD_WORLDS=$(or $(WORLDS),1000) go test -count=1 -timeout 40m -run TestGainsAddUp ./readmodels/analytics

unkind: ## check weeks of readings from a thousand unkind platforms
	LEDGERBOARD_WORLDS=$(or $(WORLDS),1000) go test -count=1 -timeout 6h -run TestReadingsSurvivePlatformFaults ./internal/dev/soak

# FAST=1 selects mutations whose tests need no server and at most a few seconds, as CI does. ONLY=REGEXP selects
# mutations whose file, test or purpose matches.
mutate: ## break important lines one at a time; a named test must fail for each
	go run ./internal/dev/mutate $(if $(FAST),-fast) $(if $(ONLY),-run '$(ONLY)')

kafka: ## run the tests of the log against three Apache Kafka brokers (needs Java and Maven)
	.ci/kafka

# CHAOS is the duration of the faults, BOUND the timeout, ONLY a pattern of tests.
chaos: ## inject faults into processes, brokers, PostgreSQL and the network for ten minutes (needs Java and Maven)
	LEDGERBOARD_CHAOS=$(or $(CHAOS),10m) go test -count=1 -v -timeout $(or $(BOUND),60m) $(if $(ONLY),-run '$(ONLY)') ./internal/dev/chaos

# Prints JSON lines, and at the end a table on stderr; see internal/dev/bench.
bench: ## measure performance (10 minutes) next to what Kafka and PostgreSQL alone achieve; RUN=REGEXP selects
	go run ./internal/dev/bench $(if $(RUN),-run '$(RUN)')

# Example: make bench-against OLD=c95822c RUN=puts_10_agencies PAIRS=5
bench-against: ## run benchmarks alternately at an older commit and here: OLD=COMMIT [RUN=REGEXP] [PAIRS=1]
	@test -n "$(OLD)" || { echo 'usage: make bench-against OLD=COMMIT [RUN=REGEXP] [PAIRS=1]'; exit 2; }
	.ci/bench-against $(OLD) '$(RUN)' $(PAIRS)

words: ## list words that the project's style guide forbids
	.ci/words

help: ## print this help
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
