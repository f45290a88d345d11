package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write docs/settings.md")

// docs/settings.md lists the settings of `ledgerboard serve` as the program knows them.
func TestSettingsDocument(t *testing.T) {
	var c cli
	parser, err := kong.New(&c, parserOptions())
	require.NoError(t, err)
	var text strings.Builder
	text.WriteString("# Settings\n\n`ledgerboard serve` and the other commands read these settings. Each is an environment variable, a flag (`LEDGERBOARD_KAFKA_BROKERS` is " +
		"`--kafka-brokers`), or a line of the\nfile that `LEDGERBOARD_CONFIG` names. Written by `go test ./cmd/ledgerboard -run TestSettingsDocument -update`.\n\n" +
		"The standard variables of OpenTelemetry (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_TRACES_SAMPLER`, …) configure traces; `GOMEMLIMIT` and `GOGC` the Go runtime.\n\n" +
		"| setting | default | |\n|---|---|---|\n")
	for _, command := range parser.Model.Children {
		if command.Name != "serve" {
			continue
		}
		for _, f := range command.Flags {
			if len(f.Envs) > 0 && !f.Hidden {
				value := "–"
				if f.Default != "" {
					value = "`" + f.Default + "`"
				}
				fmt.Fprintf(&text, "| `%s` | %s | %s |\n", f.Envs[0], value, strings.ReplaceAll(f.Help, "|", "\\|"))
			}
		}
	}
	const path = "../../docs/settings.md"
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(text.String()), 0o644))
	}
	require.Equal(t, text.String(), readFile(t, path), "docs/settings.md is out of date: add -update")
}
