package proof_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// reading counts the changes of dashboards that are decoded.
type reading struct {
	*memory

	decoded int
}

func (r *reading) Decode(record eventlog.Record) (domain.Recorded, error) {
	if record.Topic == domain.TopicDashboards {
		r.decoded++
	}
	return r.memory.Decode(record)
}

// Whoever proves needs hashes alone; the changes of all agencies are folded in a verification only.
func TestProofsFoldNothing(t *testing.T) {
	t.Parallel()
	w := busy(t, 6)
	source := &reading{memory: w.memory}
	_, err := proof.Export(t.Context(), proof.ExportConfig{Source: source, Parent: agencies[0], Known: w.known(t), File: &w.file}, &bytes.Buffer{})
	require.NoError(t, err)
	require.Zero(t, source.decoded)
	require.Equal(t, int64(18), w.verify(t, source).Decisions)
	require.Equal(t, 18, source.decoded)
}

// An operator's skip of a record that can be folded ends what is known of an agency's decisions: verify says so plainly.
func TestASkipIsToldByVerify(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signer(t)
	skipped := w.change(t, agencies[0])
	w.operate(t, agencies[0], domain.ParkedSkipped{Position: domain.Position{Partition: eventlog.PartitionOf(skipped.Key, testPartitions)}})
	w.change(t, agencies[0])
	w.sign(t, s)
	report := w.verify(t, w.memory)
	require.Empty(t, report.Findings)
	require.Len(t, report.Notes, 1)
	require.True(t, strings.HasPrefix(report.Notes[0], "NOT CHECKED: changes of 1 agencies"), report.Notes[0])
	require.Contains(t, report.Notes[0], agencies[0]+" from version 2 on")
}

// Whoever edits the tables by hand gets that into the log by the next honest change; verify names it, once for each dashboard.
func TestAChangeThatWasDecidedOnOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signer(t)
	w.change(t, agencies[0])
	w.change(t, agencies[1])
	edited := w.boards[agencies[0]][client(1)]
	edited.Users = []string{"stranger"}
	w.boards[agencies[0]][client(1)] = edited
	w.change(t, agencies[0])
	w.change(t, agencies[0]) // which is decided on what the log gives again
	w.change(t, agencies[1])
	w.sign(t, s)
	report := w.verify(t, w.memory)
	require.Len(t, report.Findings, 1)
	f := report.Findings[0]
	require.Equal(t, proof.KindDecided, f.Kind)
	require.Equal(t, agencies[0], f.Agency)
	require.Equal(t, int64(2), f.Version)
	require.Contains(t, f.Detail, client(1))
	require.Equal(t, int64(5), report.Decisions, "all were compared")
}
