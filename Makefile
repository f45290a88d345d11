.PHONY: demo test lint bench build e2e soak

# What the README promises: `make demo` and `make test` work in a fresh clone with Go alone.
demo:
	go run ./cmd/ledgerboard demo

test:
	go test -p 2 -timeout 20m ./...

build:
	CGO_ENABLED=0 go build -trimpath -o bin/ledgerboard ./cmd/ledgerboard

lint:
	gofmt -l $$(git ls-files '*.go') | (! grep .)
	go vet ./...
	go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run --build-tags e2e ./...

# The deeper suites: the program as a process, killed at random under load, with real clients.
e2e:
	go test -count=1 -timeout 40m -tags e2e ./internal/dev/e2e/...

# 20,000 connections for 10 hours of compressed time, with faults on; CI runs 2,000 for 2 hours.
soak:
	LEDGERBOARD_SOAK=full go test -count=1 -v -timeout 6h -run TestSoak ./internal/dev/soak

# Prints JSON lines {"name","value","unit","limit","ratio"}; see internal/dev/bench.
bench:
	go run ./internal/dev/bench
