.DEFAULT_GOAL := help
.PHONY: words image release charts help demo test build lint unreachable govulncheck sbom generate size ways e2e freezes soak worlds mutate kafka chaos bench bench-against

# What `ledgerboard version` says where the go command does not look into the repository by itself.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)
COMMIT  ?= $(shell git rev-parse HEAD 2>/dev/null)

# What the README promises: `make demo` and `make test` work in a fresh clone with Go alone.
demo: ## run the whole thing in one process, with a made-up agency
	go run ./cmd/ledgerboard demo

# RERUN=1 runs a failed test once more and names it at the end, as CI does.
test: ## run all tests; its last line says what it left out for want of a program (CI=true: nothing may be)
	.ci/temporary $(if $(RERUN),.ci/rerun,go test) -p 2 -timeout 40m ./...
	@.ci/left-out

build: ## make bin/ledgerboard
	CGO_ENABLED=0 go build -trimpath -ldflags "-X main.version=$(VERSION) -X main.commit=$(COMMIT)" -o bin/ledgerboard ./cmd/ledgerboard

sbom: build ## write bin/ledgerboard.cdx.json: what the binary is made of (CycloneDX)
	go tool -modfile=.ci/sbom.mod cyclonedx-gomod bin -json -version "$(VERSION)" -output bin/ledgerboard.cdx.json bin/ledgerboard

# REPOSITORY and TAG name the image; PUSH=true pushes it, else it is left in dist/image as an OCI layout.
image: ## build the image for linux on amd64 and arm64, without a Docker daemon
	VERSION=$(VERSION) COMMIT=$(COMMIT) KO_DOCKER_REPO=$(or $(REPOSITORY),ledgerboard) go run github.com/google/ko@v0.19.1 build --bare \
		--platform linux/amd64,linux/arm64 --sbom spdx --tags $(or $(TAG),$(VERSION)) \
		--image-label org.opencontainers.image.title=ledgerboard,org.opencontainers.image.revision=$(COMMIT),org.opencontainers.image.version=$(VERSION) \
		--image-label org.opencontainers.image.source=https://github.com/ledgerboard/ledgerboard,org.opencontainers.image.licenses=Apache-2.0 \
		$(if $(filter true,$(PUSH)),,--push=false --oci-layout-path dist/image) ./cmd/ledgerboard

release: ## build the archives of a release (linux and darwin, amd64 and arm64) into dist, without publishing them
	go run github.com/goreleaser/goreleaser/v2@v2.15.1 release --snapshot --clean

charts: ## lint and render the Helm chart, decode it strictly, test the alert rules
	.ci/charts

govulncheck: ## look for known holes in what the program calls; says so where the database cannot be reached
	.ci/govulncheck

lint: unreachable ## format, vet, golangci-lint, functions that nothing reaches
	gofmt -l $$(git ls-files '*.go') | (! grep .)
	go vet -tags e2e ./...
	go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run --build-tags e2e ./...

unreachable: ## list functions that the program cannot reach, but for those that .ci/unreachable names
	.ci/unreachable

generate: ## write again what is generated; CI fails if that changes a file
	go generate ./...

size: ## print files, lines, bytes and exported names of each package, and how many tests, settings, commands and operations there are
	@go run ./internal/dev/size

# The deeper suites: the program as a process, killed at random under load, with real clients.
e2e: ## test the program as a process: kill -9 under load, stock clients
	go test -count=1 -timeout 100m -tags e2e ./internal/dev/e2e/...

# RUNS says how often, PACKAGES what: make freezes RUNS=3 PACKAGES=./internal/quota
freezes: ## run all tests twenty times on a machine that stalls: none may depend on time
	.ci/temporary .ci/freezes $(or $(RUNS),20) $(or $(PACKAGES),./...)

# 20,000 connections for 10 hours of compressed time, with faults on; CI runs 2,000 for 2 hours.
soak: ## fetch for ten hours of compressed time, with faults on
	LEDGERBOARD_SOAK=full go test -count=1 -v -timeout 6h -run TestSoak ./internal/dev/soak

# WORLDS says how many are drawn; a failure names its world, LEDGERBOARD_WORLD_SEED draws that one again.
worlds: ## judge all answers with gains by the seven rules, in a thousand drawn worlds
	LEDGERBOARD_WORLDS=$(or $(WORLDS),1000) go test -count=1 -timeout 40m -run TestGainsAddUp ./readmodels/analytics

# FAST=1: those whose tests need no server and a few seconds at most, as CI does. ONLY=REGEXP: those whose file, test or purpose matches.
mutate: ## break the guards that matter, line by line: each break must make a named test fail
	go run ./internal/dev/mutate $(if $(FAST),-fast) $(if $(ONLY),-run '$(ONLY)')

kafka: ## run the log's suite against three brokers of Apache Kafka (needs Java and Maven)
	.ci/kafka

# CHAOS says for how long there are faults, BOUND when all is given up, ONLY which tests.
chaos: ## break processes, brokers, PostgreSQL and the network under load for ten minutes (needs Java and Maven)
	LEDGERBOARD_CHAOS=$(or $(CHAOS),10m) go test -count=1 -v -timeout $(or $(BOUND),60m) $(if $(ONLY),-run '$(ONLY)') ./internal/dev/chaos

# Prints JSON lines {"name","value","unit","limit","ratio"}; see internal/dev/bench.
bench: ## measure, each figure beside the limit of what it stands on; RUN=REGEXP: only what it matches
	go run ./internal/dev/bench $(if $(RUN),-run '$(RUN)')

# LIST=1 names them.
ways: ## count our functions that run for a GET, a PUT and a reading
	go run ./internal/dev/ways $(if $(LIST),-list)

# In turn, PAIRS times, so that what else the machine does meets both: make bench-against OLD=c95822c RUN=puts_10_agencies
bench-against: ## measure one thing at an older commit and here: OLD=COMMIT RUN=NAME
	@test -n "$(OLD)" -a -n "$(RUN)" || { echo 'usage: make bench-against OLD=COMMIT RUN=NAME [PAIRS=5]'; exit 2; }
	.ci/bench-against $(OLD) '$(RUN)' $(PAIRS)

words: ## list words that the project's English does without
	.ci/words

help: ## print this
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
