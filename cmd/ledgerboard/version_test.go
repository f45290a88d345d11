package main

import (
	"bytes"
	"encoding/json"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

func TestVersionSaysWhatTheProgramIs(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"--version"}} {
		var out, problems bytes.Buffer
		require.Equal(t, exitOK, run(t.Context(), args, &out, &problems), problems.String())
		require.True(t, strings.HasPrefix(out.String(), "ledgerboard "), out.String())
		for _, word := range []string{"commit ", runtime.Version(), "dashboards ", "post_insights "} {
			require.Contains(t, out.String(), word)
		}
	}

	var out bytes.Buffer
	require.Equal(t, exitUsage, run(t.Context(), []string{"replay", "--version=3"}, &out, &out), "a flag of replay")
	require.Contains(t, out.String(), "--parent")
	out.Reset()
	require.Equal(t, exitOK, run(t.Context(), []string{"version", "--json"}, &out, &out))
	var said buildInfo
	require.NoError(t, json.Unmarshal(out.Bytes(), &said))
	require.Equal(t, runtime.Version(), said.Go)
	require.NotEmpty(t, said.Version)
	require.NotEmpty(t, said.Commit)
	want := map[string]int{}
	for _, p := range projectors.All(0) {
		want[p.Name()] = p.Version()
	}
	require.Equal(t, want, said.Projections)
}

func TestTheCommitSaysWhetherFilesWereChanged(t *testing.T) {
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "abc"}
	require.Equal(t, "abc", commitOf([]debug.BuildSetting{revision, {Key: "vcs.modified", Value: "false"}}))
	require.Equal(t, "abc+changes", commitOf([]debug.BuildSetting{revision, {Key: "vcs.modified", Value: "true"}}))
	require.Empty(t, commitOf(nil))
}

func TestTheBuildIsAMetric(t *testing.T) {
	families, err := newMetricsRegistry().Gather()
	require.NoError(t, err)
	var found []string
	for _, family := range families {
		if family.GetName() == "ledgerboard_build_info" {
			for _, label := range family.GetMetric()[0].GetLabel() {
				found = append(found, label.GetName())
			}
		}
	}
	require.Equal(t, []string{"commit", "go", "projections", "version"}, found)
}
