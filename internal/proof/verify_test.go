package proof_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

func TestHonestLogVerifies(t *testing.T) {
	t.Parallel()
	w := busy(t, 10)
	report := w.verify(t, w.memory, with(remember(t, w.memory)))
	require.True(t, report.OK(), "%v", report.Findings)
	require.Equal(t, int64(33), report.Records)
	require.Equal(t, int64(30), report.Effective)
	require.Equal(t, int64(3), report.Stale)
	require.Equal(t, int64(3), report.Agencies)
	require.Equal(t, 3, report.Checkpoints)
	require.Equal(t, int64(27), report.Covered)
	require.Equal(t, int64(30), report.Compared)
	require.Empty(t, report.Notes)
}

// Whatever is done to a log is found and named, with tables and without, with checkpoints and without.
func TestTamperingIsNamed(t *testing.T) {
	t.Parallel()
	w := busy(t, 9)
	a := shared()
	honest := remember(t, w.memory)
	for name, c := range tamperings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := w.clone()
			c.do(t, m, a)
			m.renumber()
			t.Run("with tables", func(t *testing.T) {
				report := w.verify(t, m, with(honest))
				f := of(t, report, a)
				require.Equal(t, c.kind, f.Kind, f.String())
				require.Equal(t, c.version, f.Version, f.String())
				require.Equal(t, c.differs, f.Differs, f.String())
				if f.Kind != proof.KindTruncated {
					require.NotNil(t, f.Offset)
				}
				require.True(t, slices.ContainsFunc(report.Findings, func(f proof.Finding) bool {
					return f.Kind == proof.KindCheckpoint || f.Kind == proof.KindTruncated && f.Agency == ""
				}),
					"the checkpoint sees it too: %v", report.Findings)
			})
			t.Run("by the checkpoints alone", func(t *testing.T) {
				report := w.verify(t, m)
				require.False(t, report.OK())
				require.Equal(t, c.logOnly, slices.ContainsFunc(report.Findings, func(f proof.Finding) bool { return f.Agency == a }), "%v", report.Findings)
			})
			if !c.logOnly {
				return
			}
			t.Run("by the chain alone", func(t *testing.T) {
				m.topics[domain.TopicOperations] = make([][]eventlog.Record, 3)
				report := w.verify(t, m, func(c *proof.VerifyConfig) { c.File, c.Parent = nil, a })
				f := of(t, report, a)
				require.Equal(t, c.kind, f.Kind, f.String())
				require.Equal(t, c.version, f.Version, f.String())
			})
		})
	}
}

// of returns the first finding of an agency.
func of(t *testing.T, r proof.Report, a string) proof.Finding {
	t.Helper()
	i := slices.IndexFunc(r.Findings, func(f proof.Finding) bool { return f.Agency == a })
	require.GreaterOrEqual(t, i, 0, "nothing is said of the agency: %v", r.Findings)
	return r.Findings[i]
}

// Trace context is not hashed: proxies may rewrite it. A lost race more or less means nothing to the
// chain; the checkpoint's offsets see it where it moves a record.
func TestHarmlessChanges(t *testing.T) {
	t.Parallel()
	w := busy(t, 9)
	m := w.clone()
	p, i := m.find(agencies[0], 5)
	setHeader(&m.topics[domain.TopicDashboards][p][i], "ce_traceparent", "00-other-01")
	require.True(t, w.verify(t, m, with(remember(t, w.memory))).OK())
}

// The tables may stand behind the log; what they have not seen is verified against the chain alone.
func TestTablesBehindTheLog(t *testing.T) {
	t.Parallel()
	w := busy(t, 6)
	x := remember(t, w.memory)
	for range 3 {
		w.change(t, agencies[0])
	}
	report := w.verify(t, w.memory, with(x))
	require.True(t, report.OK(), "%v", report.Findings)
	require.Equal(t, int64(18), report.Compared)
	require.Equal(t, int64(21), report.Effective)
}

// One agency's report says nothing of another one.
func TestParentNarrows(t *testing.T) {
	t.Parallel()
	w := busy(t, 6)
	x := remember(t, w.memory)
	m := w.clone()
	p, i := m.find(agencies[0], 3)
	setHeader(&m.topics[domain.TopicDashboards][p][i], "ce_actor", "x")
	report := w.verify(t, m, with(x), func(c *proof.VerifyConfig) { c.Parent = agencies[1] })
	require.Len(t, report.Findings, 1)
	require.Equal(t, proof.KindCheckpoint, report.Findings[0].Kind)
	require.NotContains(t, fmt.Sprint(report), agencies[0])
	require.Equal(t, int64(1), report.Agencies)
}

// What is done to one agency is not blamed on its neighbour in the partition: its records are whole, and
// at most lie elsewhere.
func TestNeighboursAreNotBlamed(t *testing.T) {
	t.Parallel()
	w := busy(t, 9)
	a := shared()
	honest := remember(t, w.memory)
	for name, want := range map[string]struct {
		kind    proof.Kind
		differs string
	}{
		"inserted":                  {proof.KindInserted, "place"}, // pushed beyond where the tables stand
		"key of the same partition": {proof.KindInserted, "order"}, // the stray record stands in its stream
	} {
		m := w.clone()
		tamperings()[name].do(t, m, a)
		m.renumber()
		report := w.verify(t, m, with(honest))
		require.Equal(t, a, report.Findings[0].Agency, "the culprit comes first: %v", report.Findings)
		f := of(t, report, neighbour(a))
		require.Equal(t, want.kind, f.Kind, f.String())
		require.Equal(t, []string{want.differs}, f.Differs)
	}

	// Removed before the place where the tables stand: a record that they have not seen moves there.
	m := w.clone()
	w2 := &world{memory: m, heads: maps.Clone(w.heads), began: w.began}
	w2.change(t, neighbour(a))
	p, i := m.find(a, 9)
	m.topics[domain.TopicDashboards][p] = slices.Delete(m.topics[domain.TopicDashboards][p], i, i+1)
	m.renumber()
	report := w.verify(t, m, with(honest))
	require.Equal(t, proof.KindTruncated, of(t, report, a).Kind)
	f := of(t, report, neighbour(a))
	require.Equal(t, proof.KindRemoved, f.Kind, f.String())
	require.Equal(t, []string{"place"}, f.Differs)
}
