package main

import (
	"encoding/json"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

func TestVersion(t *testing.T) {
	for _, arg := range []string{"version", "--version"} {
		code, out, problems := byHand(t, arg)
		require.Equal(t, exitOK, code, problems)
		require.Regexp(t, `(?s)^ledgerboard .*commit .*`+runtime.Version()+`.*dashboards .*post_insights `, out)
	}
	code, _, problems := byHand(t, "replay", "--version=3")
	require.Equal(t, exitUsage, code, "a flag of replay")
	require.Contains(t, problems, "--parent")
	_, out, _ := byHand(t, "version", "--json")
	var said buildInfo
	require.NoError(t, json.Unmarshal([]byte(out), &said))
	require.NotEmpty(t, said.Version)
	require.NotEmpty(t, said.Commit)
	want := map[string]int{}
	for _, p := range projectors.All() {
		want[p.Name] = p.Version
	}
	require.Equal(t, want, said.Projections)

	families, err := newMetricsRegistry().Gather()
	require.NoError(t, err)
	labels := map[string]string{}
	for _, family := range families {
		if family.GetName() == "ledgerboard_build_info" {
			for _, label := range family.GetMetric()[0].GetLabel() {
				labels[label.GetName()] = label.GetValue()
			}
		}
	}
	delete(labels, "projections")
	require.Equal(t, map[string]string{"commit": said.Commit, "go": said.Go, "version": said.Version}, labels, "it is also a metric")
}

func TestTheCommitSaysWhetherFilesWereChanged(t *testing.T) {
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "abc"}
	require.Equal(t, "abc", commitOf([]debug.BuildSetting{revision, {Key: "vcs.modified", Value: "false"}}))
	require.Equal(t, "abc+changes", commitOf([]debug.BuildSetting{revision, {Key: "vcs.modified", Value: "true"}}))
	require.Empty(t, commitOf(nil))
}
