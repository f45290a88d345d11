package proof_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// looked appends n looks of an auditor at an agency's history.
func (w *world) looked(t testing.TB, agency string, n int) {
	t.Helper()
	for range n {
		w.now = w.now.Add(1000)
		require.NoError(t, w.Append(t.Context(), domain.Draft{
			Topic: domain.TopicOperations, Key: agency, Data: domain.AuditRead{What: domain.AuditHistory},
			Envelope: domain.Envelope{ID: fmt.Sprint("look-", w.now.UnixNano()), Time: w.now.Truncate(1000), Audit: domain.Audit{Actor: "auditor"}},
		}))
	}
}

// watched is an honest world whose history auditors look at, signed twice.
func watched(t testing.TB) (w *world, partition int) {
	t.Helper()
	w = busy(t, 3)
	s := w.signer(t)
	for range 2 {
		w.looked(t, agencies[2], 3)
		w.sign(t, s)
	}
	p := eventlog.PartitionOf([]byte(agencies[2]), 3)
	require.NotEqual(t, eventlog.PartitionOf([]byte(domain.OperationsKeyAll), 3), p, "apart from the checkpoints")
	return w, int(p)
}

// Who looked at the history is covered as the history is.
func TestOperationsAreCovered(t *testing.T) {
	t.Parallel()
	w, p := watched(t)
	require.Empty(t, w.verify(t, w.memory).Findings)
	for name, c := range map[string]struct {
		tamper func(records []eventlog.Record) []eventlog.Record
		kind   proof.Kind
		words  string
	}{
		"a look is altered": {func(r []eventlog.Record) []eventlog.Record {
			setHeader(&r[4], "ce_actor", "somebody else")
			return r
		}, proof.KindCheckpoint, fmt.Sprintf("%d/[3,6)", p)},
		"its content is another": {func(r []eventlog.Record) []eventlog.Record {
			r[1].Value = []byte(`{"what":"state"}`)
			return r
		}, proof.KindCheckpoint, fmt.Sprintf("%d/[0,3)", p)},
		"one is taken out":          {func(r []eventlog.Record) []eventlog.Record { return slices.Delete(r, 1, 2) }, proof.KindCheckpoint, "or others"},
		"one is put in":             {func(r []eventlog.Record) []eventlog.Record { return slices.Insert(r, 1, r[4]) }, proof.KindCheckpoint, "or others"},
		"one is called a heartbeat": {func(r []eventlog.Record) []eventlog.Record { setHeader(&r[0], "ce_type", "log.heartbeat.v1"); return r }, proof.KindCheckpoint, "or others"},
		"one is called a checkpoint": {func(r []eventlog.Record) []eventlog.Record {
			r[0].Key = []byte(domain.OperationsKeyAll)
			setHeader(&r[0], "ce_type", "operations.checkpoint_signed.v1")
			return r
		}, proof.KindCheckpoint, "up to there the log has 2"},
		"two are swapped":   {func(r []eventlog.Record) []eventlog.Record { r[0], r[1] = r[1], r[0]; return r }, proof.KindCheckpoint, "another order"},
		"the end is cut":    {func(r []eventlog.Record) []eventlog.Record { return r[:5] }, proof.KindTruncated, "end of operations"},
		"all looks are cut": {func([]eventlog.Record) []eventlog.Record { return nil }, proof.KindTruncated, "end of operations"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := w.clone()
			m.topics[domain.TopicOperations][p] = c.tamper(m.topics[domain.TopicOperations][p])
			m.renumber()
			report := w.verify(t, m)
			require.NotEmpty(t, report.Findings)
			require.Equal(t, c.kind, report.Findings[0].Kind, "%v", report.Findings)
			require.Contains(t, report.Findings[0].Detail, c.words)
			require.Equal(t, int64(0), report.Findings[0].Version, "no record of dashboards is blamed")

			s := w.signer(t, func(cfg *proof.SignerConfig) { cfg.Source, cfg.Append = m, m.Append })
			_, _, err := s.Sign(t.Context())
			require.ErrorIs(t, err, proof.ErrContradiction, "and nothing is signed over it")
		})
	}
}

// Trace context of a record is covered no more than on dashboards, and a new look asks for a checkpoint.
func TestANewLookIsSigned(t *testing.T) {
	t.Parallel()
	w, p := watched(t)
	m := w.clone()
	setHeader(&m.topics[domain.TopicOperations][p][0], "ce_traceparent", "00-other-01")
	require.Empty(t, w.verify(t, m).Findings)

	s := w.signer(t)
	_, signed, err := s.Sign(t.Context())
	require.NoError(t, err)
	require.False(t, signed, "nothing is new")
	w.looked(t, agencies[0], 1)
	c := w.sign(t, s)
	require.Equal(t, int64(7), c.Operations.Size)
	_, signed, err = s.Sign(t.Context())
	require.NoError(t, err)
	require.False(t, signed)
	require.Empty(t, w.verify(t, w.memory).Findings)
}

// A checkpoint that covers operations cannot be followed by one that does not.
func TestCoverOfOperationsStays(t *testing.T) {
	t.Parallel()
	w, _ := watched(t)
	honest := w.clone()
	c := w.sign(t, w.signer(t, func(cfg *proof.SignerConfig) { cfg.Every = 1 }))
	w.memory = honest
	c.Operations = proof.Covered{}
	key := w.key(t)
	signed, err := c.Sign(key)
	require.NoError(t, err)
	require.NoError(t, w.Append(t.Context(), domain.Draft{
		Topic: domain.TopicOperations, Key: domain.OperationsKeyAll, Envelope: domain.Envelope{ID: "less", Time: noon},
		Data: domain.CheckpointSigned{Size: c.Size, Positions: c.Positions, Note: string(signed)},
	}))
	report := w.verify(t, w.memory)
	require.NotEmpty(t, report.Findings)
	require.Contains(t, fmt.Sprint(report.Findings), "it does not cover operations, and the one before it does")
}
