package proof_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

func TestVerifyReportsCoverageOfIntactLog(t *testing.T) {
	t.Parallel()
	w := busy(t, 10)
	var offsets int
	report := w.verify(t, func(c *proof.VerifyConfig) { c.Progress = func(n int) { offsets += n } })
	require.True(t, report.OK(), "%v", report.Findings)
	require.Equal(t, []int64{33, 30, 3, 0}, []int64{report.Records, report.Effective, report.Stale, report.Skipped})
	require.Equal(t, []int64{3, 3, 27}, []int64{report.Agencies, int64(report.Checkpoints), report.Covered})
	require.Equal(t, 33, offsets)
	require.Equal(t, "No finding: nothing was altered, removed, inserted or reordered up to the checkpoint of 2026-03-14T12:03:00.000000Z, which "+
		"covers 27 records. 3 later records are chained. The removal of later records, or the replacement of the log together with its key, "+
		"cannot be detected.", report.Proven())
	own := w.verify(t, func(c *proof.VerifyConfig) { c.Parent = agencies[1] })
	require.Equal(t, int64(1), own.Agencies)
}

// A change to version 5 (of 9) of an agency, all covered by a checkpoint, is reported with the
// first offset that does not fit.
func TestTamperingIsReportedWithFirstOffset(t *testing.T) {
	t.Parallel()
	alter := func(change func(r *eventlog.Record)) func(*world) {
		return func(w *world) {
			records, at := w.dashboards(agencies[0], 5)
			change(&(*records)[at])
		}
	}
	header := func(name, value string) func(*world) {
		return alter(func(r *eventlog.Record) { setHeader(r, name, value) })
	}
	for name, c := range map[string]struct {
		do      func(w *world)
		version int64 // the version that does not follow; 0: only the checkpoint shows the change
	}{
		"data":                   {alter(func(r *eventlog.Record) { r.Value = append(r.Value, ' ') }), 6},
		"actor":                  {header("ce_actor", "somebody"), 6},
		"time":                   {header("ce_time", noon.Add(4500*time.Millisecond).Format(time.RFC3339Nano)), 6},
		"an early time":          {header("ce_time", noon.Format(time.RFC3339Nano)), 5},
		"a header":               {header("x-more", "x"), 6},
		"predecessor":            {header("ce_chainprev", strings.Repeat("00", 32)), 5},
		"version":                {header("ce_chainversion", "7"), 5},
		"malformed":              {header("ce_specversion", "2.0"), 5},
		"another's key":          {alter(func(r *eventlog.Record) { r.Key = []byte(agencies[2]) }), 5},
		"removed":                {func(w *world) { w.remove(agencies[0], 5) }, 5},
		"swapped":                {func(w *world) { w.swap(agencies[0], 5, agencies[0], 6) }, 5},
		"inserted":               {func(w *world) { w.insert(agencies[0], 5) }, 6},
		"last records removed":   {func(w *world) { w.cut(agencies[0], 5) }, 0},
		"rewritten from here on": {func(w *world) { w.rewrite(agencies[0], 5) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := busy(t, 9)
			p, i := w.find(agencies[0], 5)
			c.do(w)
			report := w.verify(t)
			require.False(t, report.OK())
			for _, f := range report.Findings {
				require.Equal(t, int32(p), *f.Partition, f.String())
			}
			byCheckpoint := slices.IndexFunc(report.Findings, func(f proof.Finding) bool { return f.Agency == "" })
			require.GreaterOrEqual(t, byCheckpoint, 0, "%v", report.Findings)
			require.LessOrEqual(t, *report.Findings[byCheckpoint].Offset, int64(i), "from there on")
			if c.version == 0 {
				for _, f := range report.Findings {
					require.Empty(t, f.Agency)
				}
				return
			}
			n := slices.IndexFunc(report.Findings, func(f proof.Finding) bool { return f.Agency == agencies[0] })
			require.GreaterOrEqual(t, n, 0, "%v", report.Findings)
			f := report.Findings[n]
			require.Equal(t, c.version, f.Version, f.String())
			require.GreaterOrEqual(t, *f.Offset, int64(i))
			require.Contains(t, f.String(), fmt.Sprintf("partition %d offset %d, agency %s, version %d: ", p, *f.Offset, agencies[0], f.Version))
			other := w.verify(t, func(c *proof.VerifyConfig) { c.Parent = agencies[1] })
			require.False(t, slices.ContainsFunc(other.Findings, func(f proof.Finding) bool { return f.Agency == agencies[0] }))
		})
	}
}

// kept reads evidence that was stored outside the log.
func (w *world) kept(t testing.TB, text string) proof.Kept {
	t.Helper()
	kept, err := proof.ReadKept(strings.NewReader(text), w.verifiers)
	require.NoError(t, err)
	return kept
}

// copyElsewhere copies the log to other topics as a mirror does: the records keep their order, some
// are repeated, and all have other offsets.
func (w *world) copyElsewhere() {
	w.topic = eventlog.TopicID{4, 5, 6}
	for _, parts := range w.Topics {
		for p, records := range parts {
			parts[p] = slices.Concat([]eventlog.Record{{}}, records[:len(records)/2], records[len(records)/3:])
			for i := range parts[p] {
				parts[p][i].Topic = cmp.Or(parts[p][i].Topic, domain.TopicDashboards)
			}
		}
	}
	w.renumber()
}

// A copy has the same records in the same order at other offsets. It verifies and says that it is a
// copy, bundles are exported, and signing continues. A change still contradicts the checkpoints.
func TestACopyOfTheLogVerifies(t *testing.T) {
	t.Parallel()
	w := busy(t, 10)
	kept := strings.Join(w.notes(t), "\n")
	require.Nil(t, w.verify(t).CopiedAfter)
	before := check(t, w, w.export(t, agencies[0]))
	w.copyElsewhere()
	withKept := func(c *proof.VerifyConfig) { c.Kept = w.kept(t, kept) }
	report := w.verify(t, withKept)
	require.True(t, report.OK(), "%v", report.Findings)
	require.Equal(t, []int64{30, 27}, []int64{report.Effective, report.Covered})
	require.Equal(t, report.SignedAt, report.CopiedAfter)
	require.Contains(t, report.Proven(), "This log is a copy: checkpoints up to that of 2026-03-14T12:03:00.000000Z")
	require.Equal(t, before, check(t, w, w.export(t, agencies[0])))

	running := w.signer(t)
	for range 2 {
		w.change(t, agencies[1])
		w.sign(t, running)
	}
	report = w.verify(t, withKept)
	require.True(t, report.OK(), "%v", report.Findings)
	require.True(t, report.SignedAt.After(*report.CopiedAfter))
	require.True(t, check(t, w, w.export(t, agencies[1])).OK())

	p, i := w.find(agencies[0], 5)
	setHeader(&w.Topics[domain.TopicDashboards][p][i], "ce_actor", "somebody")
	require.False(t, w.verify(t).OK())
	_, _, err := w.signer(t).Sign(t.Context())
	require.ErrorIs(t, err, proof.ErrContradiction)
}

// A signer does not sign records again that are gone since it read them, even if no checkpoint is
// newer than its last turn.
func TestSignerRefusesLogThatLostRecords(t *testing.T) {
	t.Parallel()
	w := busy(t, 3)
	running := w.signer(t)
	for range 2 { // the second turn reads the checkpoint of the first
		_, _, err := running.Sign(t.Context())
		require.NoError(t, err)
	}
	p, _ := w.find(agencies[0], 3)
	records := w.Topics[domain.TopicDashboards]
	records[p] = records[p][:2]
	w.now = w.now.Add(time.Hour) // a checkpoint is due
	_, _, err := running.Sign(t.Context())
	require.ErrorIs(t, err, eventlog.ErrBeyondEnd)
	_, _, err = running.Sign(t.Context())
	require.ErrorIs(t, err, proof.ErrContradiction)
}

// Invalid records belong to no stream: they are counted, and stop neither verification nor signing.
func TestVerifySkipsAndCountsInvalidRecords(t *testing.T) {
	t.Parallel()
	w := busy(t, 3)
	w.Put(eventlog.Record{Topic: domain.TopicDashboards, Key: []byte("no agency"), Value: []byte("{}")})
	w.Put(eventlog.Record{Topic: domain.TopicDashboards, Key: []byte(agencies[0]), Value: []byte("{}")})
	copied := w.Topics[domain.TopicDashboards][0][0]
	w.Topics[domain.TopicDashboards][1] = append(w.Topics[domain.TopicDashboards][1], copied)
	w.renumber()
	w.change(t, agencies[0])
	w.sign(t, w.signer(t))
	report := w.verify(t)
	require.True(t, report.OK(), "%v", report.Findings)
	require.Equal(t, int64(3), report.Skipped)
	require.Equal(t, int64(10), report.Covered)
}

// An attacker who truncates the log can remove the checkpoints too: notes kept elsewhere reveal
// that, and so does their absence.
func TestTruncatedLogWithCheckpointsIsDetected(t *testing.T) {
	t.Parallel()
	w := busy(t, 10)
	notes := strings.Join(w.notes(t), "\n")
	attacks["Roll back the log with its checkpoints"](t, w)
	report := w.verify(t, func(c *proof.VerifyConfig) { c.Kept = w.kept(t, notes) })
	require.False(t, report.OK())
	require.Contains(t, report.Findings[0].String(), "records were removed from its end")

	clear(w.Topics[domain.TopicOperations])
	report = w.verify(t)
	require.Len(t, report.Findings, 1)
	require.Contains(t, report.Findings[0].Detail, "the log contains no checkpoint")
	report = w.verify(t, func(c *proof.VerifyConfig) { c.Verifiers = nil })
	require.True(t, report.OK())
	require.Contains(t, report.Proven(), "No checkpoint was checked")
	_, err := proof.Verify(t.Context(), proof.VerifyConfig{Source: w, Kept: w.kept(t, notes)})
	require.ErrorIs(t, err, proof.ErrKeyNeeded)
}

// Kept notes are read as `ledgerboard checkpoints` prints them; an invalid one is a finding. A file
// without any is refused, because nothing can be compared with it.
func TestStoredNotesAreParsedAndCompared(t *testing.T) {
	t.Parallel()
	w := busy(t, 9)
	notes := w.notes(t)
	for name, c := range map[string]struct {
		notes string
		holds int
		found int
	}{
		"all":              {strings.Join(notes, "\n") + "\n\n", 3, 0},
		"close together":   {strings.Join(notes, ""), 3, 0},
		"of Windows":       {strings.ReplaceAll(notes[0], "\n", "\r\n"), 3, 0},
		"something else":   {"hello\n", 3, 1},
		"a cut one":        {notes[0][:len(notes[0])/2] + "\n" + notes[1], 3, 1},
		"something behind": {notes[0] + "\nx\n", 3, 1},
	} {
		report := w.verify(t, func(v *proof.VerifyConfig) { v.Kept = w.kept(t, c.notes) })
		require.Len(t, report.Findings, c.found, name)
		require.Equal(t, c.holds, report.Checkpoints, name)
	}
	for _, empty := range []string{"", "\n \r\n"} {
		_, err := proof.ReadKept(strings.NewReader(empty), w.verifiers)
		require.EqualError(t, err, "it contains neither a checkpoint nor a bundle")
	}
}

// Invalid notes prove nothing: Verify reports them, and the signer continues.
func TestForgedCheckpointsAreReported(t *testing.T) {
	t.Parallel()
	w := busy(t, 3)
	attacks["Forge a checkpoint without the key"](t, w)
	w.lay(t, "rubbish", "rubbish\n\n— unknown AAAA\n")
	report := w.verify(t)
	require.Len(t, report.Findings, 2)
	require.Contains(t, report.Findings[0].Detail, "is forged, damaged or signed with a key that was not given")
	w.change(t, agencies[0])
	w.sign(t, w.signer(t))
}
