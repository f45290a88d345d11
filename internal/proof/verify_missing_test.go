package proof_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// Who takes all checkpoints away, with or without the records that they covered, is found as long as the key is known.
func TestNoCheckpointIsLeft(t *testing.T) {
	t.Parallel()
	for name, take := range map[string]func(t *testing.T, m *memory){
		"the end was cut with them": func(_ *testing.T, m *memory) { cutAfter(m, agencies[0], 4) },
		"the log was made anew":     func(t *testing.T, m *memory) { rehash(t, m, agencies[0], 1) },
		"the log is empty": func(_ *testing.T, m *memory) {
			m.topics[domain.TopicDashboards] = make([][]eventlog.Record, testPartitions)
		},
		"nothing else was done": func(*testing.T, *memory) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := busy(t, 6)
			m := w.clone()
			m.topics[domain.TopicOperations] = make([][]eventlog.Record, 3)
			take(t, m)
			m.renumber()
			report := w.verify(t, m, func(c *proof.VerifyConfig) { c.File = nil })
			require.Len(t, report.Findings, 1, "%v", report.Findings)
			require.Equal(t, proof.KindCheckpoint, report.Findings[0].Kind)
			require.Equal(t, []string{"missing"}, report.Findings[0].Differs)
		})
	}
}

// A log that was set back to an old checkpoint, together with its file, holds; the age of the checkpoint tells.
func TestNewestCheckpointIsOld(t *testing.T) {
	t.Parallel()
	w := busy(t, 6)
	at := func(since time.Duration) proof.Report {
		return w.verify(t, w.memory, func(c *proof.VerifyConfig) { c.Every, c.Now = time.Hour, w.now.Add(since) })
	}
	require.True(t, at(3*time.Hour).OK())
	report := at(3*time.Hour + time.Second)
	require.Len(t, report.Findings, 1, "%v", report.Findings)
	require.Equal(t, proof.KindCheckpoint, report.Findings[0].Kind)
	require.Equal(t, []string{"age"}, report.Findings[0].Differs)
	require.Contains(t, report.Findings[0].Detail, "3h0m1s ago")
}

// The age of a checkpoint that is dated ahead of the clock would tell of nothing that was removed behind it. Once a later one is of now, it does again.
func TestNewestCheckpointIsAheadOfTheClock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := noon.Add(24 * time.Hour)
	s := w.signer(t, func(c *proof.SignerConfig) { c.Now = func() time.Time { return now } })
	w.sign(t, s)
	at := func(since time.Duration) []proof.Finding {
		return w.verify(t, w.memory, func(c *proof.VerifyConfig) { c.Every, c.Now = time.Hour, noon.Add(since) }).Findings
	}
	findings := at(0)
	require.Len(t, findings, 1, "%v", findings)
	require.Equal(t, proof.KindCheckpoint, findings[0].Kind)
	require.Equal(t, []string{"time"}, findings[0].Differs)
	require.Contains(t, findings[0].Detail, "24h0m0s ahead of the clock here")
	require.Empty(t, at(24*time.Hour-15*time.Minute), "clocks are never quite alike")
	now = noon
	w.sign(t, s)
	require.Empty(t, at(3*time.Hour))
	findings = at(3*time.Hour + time.Second)
	require.Len(t, findings, 1, "%v", findings)
	require.Equal(t, []string{"age"}, findings[0].Differs)
}

// Records of two agencies that change places break no chain. As the ends of all streams are those that were signed, nothing
// was altered: they were reordered.
func TestSwappedRecordsAreReordered(t *testing.T) {
	t.Parallel()
	a := shared()
	b := neighbour(a)
	for _, border := range []bool{false, true} {
		t.Run(fmt.Sprintf("over the border of a checkpoint: %t", border), func(t *testing.T) {
			t.Parallel()
			w := busy(t, 9)
			m := w.clone()
			p, i := m.find(a, 5)
			_, j := m.find(b, 5)
			records := m.topics[domain.TopicDashboards][p]
			if border { // a record moves before the last one that the checkpoint covers
				_, i = m.find(a, 3)
				_, j = m.find(b, 3)
				last, other := i, b
				if j > i {
					last, other = j, a
				}
				_, next := m.find(other, 4)
				moved := records[next]
				m.topics[domain.TopicDashboards][p] = slices.Insert(slices.Delete(records, next, next+1), last, moved)
			} else {
				records[i], records[j] = records[j], records[i]
			}
			m.renumber()
			report := w.verify(t, m, with(remember(t, w.memory)))
			require.Len(t, report.Findings, 1, "%v", report.Findings)
			require.Equal(t, proof.KindReordered, report.Findings[0].Kind, "%v", report.Findings)
			require.Equal(t, []string{"order"}, report.Findings[0].Differs)
		})
	}
}

// The end that was cut off may hold nothing but a lost race: no root tells of it, only the offsets that were signed.
func TestCutBehindTheLastChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.change(t, agencies[0])
	w.change(t, agencies[0])
	w.put(first) // stale
	w.sign(t, w.signer(t))
	require.True(t, w.verify(t, w.memory).OK())
	p := eventlog.PartitionOf(first.Key, testPartitions)
	records := w.topics[domain.TopicDashboards][p]
	w.topics[domain.TopicDashboards][p] = records[:len(records)-1]
	report := w.verify(t, w.memory)
	require.Len(t, report.Findings, 1)
	require.Equal(t, proof.KindTruncated, report.Findings[0].Kind)
	require.Contains(t, report.Findings[0].Detail, "ends at offset 2, and was signed up to 3")
}
