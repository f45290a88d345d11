package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/projections"
)

// reportsIn reads what verify --tables --json said, by projection.
func reportsIn(t *testing.T, said string) map[string]projections.Report {
	t.Helper()
	reports := map[string]projections.Report{}
	for from := json.NewDecoder(strings.NewReader(said)); from.More(); {
		var r projections.Report
		require.NoError(t, from.Decode(&r))
		reports[r.Projection] = r
	}
	return reports
}

// The tables that serve are compared with the log itself; what differs is named, and what cannot be checked is no success.
func TestVerifyTablesCommand(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 30)
	run := func(asJSON bool) (string, error) {
		var out bytes.Buffer
		c := verifyCommand{storage: a.storage(), logging: logging{LogLevel: "error", LogFormat: "text"}, Tables: true, JSON: asJSON}
		err := c.Run(t.Context(), streams{Out: &out, Err: &bytes.Buffer{}})
		return out.String(), err
	}
	said, err := run(true)
	require.ErrorIs(t, err, projections.ErrNotLive, "only dashboards are folded here")
	reports := reportsIn(t, said)
	require.True(t, reports["dashboards"].Equal)
	require.Empty(t, reports["dashboards"].Behind)
	require.NotContains(t, reports, "operations")

	_, err = a.db.Pool.Exec(t.Context(), "update dashboard_history set role = 'x' where parent_account = $1 and version = 7", auditedAgencies[1])
	require.NoError(t, err)
	said, err = run(false)
	require.ErrorIs(t, err, errTableFindings)
	require.Equal(t, exitFindings, exitCode(err, &bytes.Buffer{}))
	require.Contains(t, said, "dashboards, generation 1")
	require.Contains(t, said, "DIFFERENT")
	require.Contains(t, said, `agency "`+auditedAgencies[1]+`"`)
	require.Contains(t, said, `event "`+auditedAgencies[1]+`.7"`)
	require.Contains(t, said, "version=7")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := verifyCommand{storage: a.storage(), logging: logging{LogLevel: "error", LogFormat: "text"}, Tables: true}
	require.Equal(t, exitCut, exitCode(c.Run(ctx, streams{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}}), &bytes.Buffer{}))
}
