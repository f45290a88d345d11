#!/usr/bin/env bash
# One would guess: `go install github.com/dexidp/dex/cmd/dex@latest` and `go get github.com/dexidp/dex` bring the newest
# release of Dex, an OpenID Connect provider.
#
# What happens: they take v2.13.0 of November 2018, and say nothing. Dex has releases 2.14 to 2.4x, but since 2019 its
# go.mod declares a path without /v2, so that the go command does not accept a tag v2.x.y of it as a version. The last
# tag without a go.mod is "latest" for ever. A version of today has to be named by commit, as a pseudo-version.
#
# Versions: go 1.26, the Go module proxy on 2026-11-29.
# Output seen:
#   latest: v2.13.0+incompatible of 2018-11-07
#   release 2.41.1, by its tag: not a version
#   release 2.41.1, by its commit: v0.0.0-20240807174518-43956db7fd75
#
# Why it matters: an identity provider of 2018 lacks the fixes of years, for example that of CVE-2020-27847 (SAML), and
# a test of sign-in against "the latest Dex" tests none that anybody runs.
#
# Exits with 1 if the behavior changes. Needs Go and its module proxy.
set -euo pipefail
work=$(mktemp -d)
cd "$work"
trap 'cd /; rm -rf "$work"' EXIT
go mod init example.com/latest 2> /dev/null

listed() { go list -m -f "$2" "github.com/dexidp/dex@$1"; }
{
  echo "latest: $(listed latest '{{.Version}} of {{.Time.Format "2006-01-02"}}')"
  echo "release 2.41.1, by its tag: $(listed v2.41.1 '{{.Version}}' 2> /dev/null || echo not a version)"
  echo "release 2.41.1, by its commit: $(listed v0.0.0-20240807174518-43956db7fd75 '{{.Version}}')"
} | tee seen
diff seen - << 'END'
latest: v2.13.0+incompatible of 2018-11-07
release 2.41.1, by its tag: not a version
release 2.41.1, by its commit: v0.0.0-20240807174518-43956db7fd75
END
