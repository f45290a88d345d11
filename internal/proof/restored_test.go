package proof_test

import (
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// restoredWorld is a log that was set back to a backup: the file outside of it has checkpoints of what was withdrawn. said is the unsigned record of
// the epoch that begins. before, if given, is told of the world as it was before that.
func restoredWorld(t *testing.T, before ...func(w *world)) (w *world, said domain.EpochBegun) {
	t.Helper()
	w = newWorld(t)
	first := domain.EpochBegun{Log: strings.Repeat("0a", 16), Key: "aaaaaaaaaaaaaaaa"}
	w.begin(t, first)
	s := w.signer(t)
	w.change(t, agencies[0])
	last := w.sign(t, s)
	require.Equal(t, []proof.EpochName{{Number: 0, Log: first.Log, Key: first.Key}}, last.Epochs)
	backup, heads, boards := w.clone(), w.heads[agencies[0]], w.boards[agencies[0]]
	w.boards[agencies[0]] = maps.Clone(boards)
	for range 2 {
		w.change(t, agencies[0])
		w.sign(t, s)
	}
	for _, look := range before {
		look(w)
	}
	w.memory, w.heads[agencies[0]], w.boards[agencies[0]] = backup, heads, boards
	var from []int64
	for _, records := range w.topics[domain.TopicOperations] {
		from = append(from, int64(len(records)))
	}
	return w, domain.EpochBegun{Number: 1, Log: strings.Repeat("0b", 16), Key: first.Key, Restored: &domain.LogRestored{
		From: map[string][]int64{domain.TopicOperations: from}, Backup: w.now, Time: w.now, Actor: "system:operator", Checkpoint: last.ID().String(),
		Reason: domain.Reason{Code: domain.ReasonIncident, Ticket: "OPS-1"}, Records: map[string]int64{domain.TopicDashboards: 2},
		Streams: []domain.WithdrawnVersions{{Agency: agencies[0], First: 2, Last: 3}},
	}}
}

// begin appends the record of an epoch.
func (w *world) begin(t *testing.T, said domain.EpochBegun) {
	t.Helper()
	require.NoError(t, w.Append(t.Context(), domain.Draft{
		Topic: domain.TopicOperations, Key: domain.OperationsKeyAll, Data: said,
		Envelope: domain.Envelope{ID: "epoch-" + said.Log, Subject: "-", Time: w.now.Add(time.Second), Audit: domain.Audit{Actor: "system:log"}},
	}))
}

func (w *world) begins(t *testing.T, said domain.EpochBegun) {
	t.Helper()
	signed, err := proof.SignRestored(said, w.key(t))
	require.NoError(t, err)
	w.begin(t, signed)
}

// A signed restore explains the checkpoints that covered what it withdrew; the signer goes on from the backup's newest one, and verify reports the
// restore and nothing else, also to the agency.
func TestASignedRestoreExplainsCheckpoints(t *testing.T) {
	t.Parallel()
	w, said := restoredWorld(t)
	_, _, err := w.signer(t).Sign(t.Context())
	require.ErrorIs(t, err, proof.ErrContradiction, "without a word, the end was cut")
	w.begins(t, said)
	w.change(t, agencies[0])
	next := w.sign(t, w.signer(t))
	require.Equal(t, said.Restored.Checkpoint, next.Prev.String())
	require.Len(t, next.Epochs, 2)
	parsed, err := proof.ParseCheckpoint(next.Text())
	require.NoError(t, err)
	require.Equal(t, next, parsed)

	report := w.verify(t, w.memory)
	require.False(t, report.OK(), "it is never clean")
	require.True(t, report.RestoredOnly(), "%v", report.Findings)
	require.Len(t, report.Findings, 1)
	require.Contains(t, report.Findings[0].Detail, "by system:operator (incident:OPS-1)")
	require.Contains(t, report.Findings[0].Detail, "2 records of dashboards, versions of 1 agencies")
	require.Contains(t, report.Findings[0].Detail, "explained by such statements: 2")
	report = w.verify(t, w.memory, func(c *proof.VerifyConfig) { c.Parent = agencies[0] })
	require.True(t, report.RestoredOnly())
	require.Contains(t, report.Findings[0].Detail, "Of this agency, versions 2 to 3 were withdrawn")
}

// What explains nothing: no statement, one that somebody else signed, one of another restore. The checkpoints of before stay findings.
func TestAnUnsignedRestoreExplainsNothing(t *testing.T) {
	t.Parallel()
	for name, begins := range map[string]func(t *testing.T, w *world, said domain.EpochBegun){
		"nobody signed a statement": func(t *testing.T, w *world, said domain.EpochBegun) { t.Helper(); w.begin(t, said) },
		"signed with a key that was not given": func(t *testing.T, w *world, said domain.EpochBegun) {
			t.Helper()
			forged, err := proof.SignRestored(said, newWorld(t).key(t))
			require.NoError(t, err)
			w.begin(t, forged)
		},
		"of another restore": func(t *testing.T, w *world, said domain.EpochBegun) {
			t.Helper()
			signed, err := proof.SignRestored(said, w.key(t))
			require.NoError(t, err)
			signed.Restored.Records = map[string]int64{domain.TopicDashboards: 1}
			w.begin(t, signed)
		},
	} {
		w, said := restoredWorld(t)
		begins(t, w, said)
		report := w.verify(t, w.memory)
		require.False(t, report.RestoredOnly(), name)
		kinds := map[proof.Kind]int{}
		for _, f := range report.Findings {
			kinds[f.Kind]++
			if f.Kind == proof.KindRestored {
				require.Contains(t, f.Detail, name)
				require.Contains(t, f.Detail, `see "An epoch that nobody of yours began" in docs/restore.md`)
			}
		}
		require.Equal(t, map[proof.Kind]int{proof.KindRestored: 1, proof.KindTruncated: 2, proof.KindCheckpoint: 2}, kinds, name)
		_, _, err := w.signer(t).Sign(t.Context())
		require.ErrorIs(t, err, proof.ErrContradiction, name)
	}
}

// An old statement hides no later cut: checkpoints that were signed after the restore name its epoch. Nor does it hide that one of before the backup
// was taken away.
func TestAStatementHidesNothingElse(t *testing.T) {
	t.Parallel()
	w, said := restoredWorld(t)
	w.begins(t, said)
	cut := w.clone()
	w.change(t, agencies[0])
	w.sign(t, w.signer(t))
	report := w.verify(t, cut)
	require.False(t, report.RestoredOnly(), "%v", report.Findings)
	require.Contains(t, report.Findings[0].Detail+report.Findings[1].Detail+report.Findings[2].Detail, "is missing from the log")

	w, said = restoredWorld(t)
	said.Restored.Checkpoint = ""
	w.begins(t, said)
	report = w.verify(t, w.memory)
	require.False(t, report.RestoredOnly(), "the statement says that the backup had no checkpoint")
	raw, err := os.ReadFile(w.file.Path)
	require.NoError(t, err)
	require.Equal(t, 3, strings.Count(string(raw), "\n— "))
}

// Whoever holds the tag key can write the record of an epoch that is none: it stands elsewhere than where it says that it begins. No restore is told
// then, and the statement of one that comes later explains what it must.
func TestWhatBeginsNoEpochIsNoRestore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := domain.EpochBegun{Log: strings.Repeat("0a", 16), Key: "aaaaaaaaaaaaaaaa"}
	w.begin(t, first)
	w.begin(t, domain.EpochBegun{Number: 99, Log: strings.Repeat("0c", 16), Key: first.Key, Restored: &domain.LogRestored{
		From: map[string][]int64{domain.TopicOperations: {0, 0, 0}}, Actor: "system:operator", Reason: domain.Reason{Code: domain.ReasonIncident},
	}})
	w.change(t, agencies[0])
	signed := w.sign(t, w.signer(t))
	require.Equal(t, []proof.EpochName{{Number: 0, Log: first.Log, Key: first.Key}}, signed.Epochs)
	report := w.verify(t, w.memory)
	require.True(t, report.OK(), "%v", report.Findings)
}

// A signer that lives on remembers each checkpoint that was withdrawn once, though the file has it at every turn.
func TestASignerRemembersTheWithdrawnOnce(t *testing.T) {
	t.Parallel()
	w, said := restoredWorld(t)
	w.begins(t, said)
	s := w.signer(t)
	for range 3 {
		w.change(t, agencies[0])
		w.sign(t, s)
		require.Equal(t, 2, proof.Withdrawn(s))
	}
}
