package proof_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// A checkpoint that the log lost and the file has is one finding. Those after it are borne out and do not count; none of them
// is called void, for no other one follows the same one, and they are noted once.
func TestCheckpointsAfterALostOneAreCounted(t *testing.T) {
	t.Parallel()
	w := busy(t, 15)
	m := w.clone()
	p := eventlog.PartitionOf([]byte(domain.OperationsKeyAll), 3)
	m.topics[domain.TopicOperations][p] = slices.Delete(m.topics[domain.TopicOperations][p], 1, 2)
	m.renumber()
	for name, c := range map[string]struct {
		keep  int // notes that the file has
		notes []string
	}{
		"all are in the file": {5, []string{"offset 1 follows one that does not count, and does not count itself (and 2 more after it)"}},
		"the last are not in it": {3, []string{
			"offset 1 follows one that does not count, and does not count itself (and 2 more after it)",
			"offset 2 is not in the file, and is not copied: it does not count (and 1 more after it)",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report := w.verify(t, m, func(v *proof.VerifyConfig) { v.File = firstNotes(t, w.file, c.keep) })
			require.Len(t, report.Findings, 1, "%v", report.Findings)
			require.Contains(t, report.Findings[0].Detail, "is missing from the log")
			require.Equal(t, 5, report.Checkpoints)
			require.Len(t, report.Notes, len(c.notes), "%v", report.Notes)
			for i, note := range c.notes {
				require.True(t, strings.HasSuffix(report.Notes[i], note), "%v", report.Notes)
			}
		})
	}
}

// A file that was lost is one note, however many checkpoints the log has.
func TestLostFileIsNotedOnce(t *testing.T) {
	t.Parallel()
	w := busy(t, 9)
	report := w.verify(t, w.memory, func(v *proof.VerifyConfig) { v.File = firstNotes(t, w.file, 0) })
	require.True(t, report.OK(), "%v", report.Findings)
	require.Len(t, report.Notes, 1)
	require.Contains(t, report.Notes[0], "offset 0 is not in the file; the signing process copies it at its next turn (and 2 more after it)")
}

// firstNotes is a copy of a file of checkpoints that has only the first ones.
func firstNotes(t *testing.T, of proof.File, count int) *proof.File {
	t.Helper()
	raw, err := os.ReadFile(of.Path)
	require.NoError(t, err)
	lines := strings.SplitAfter(string(raw), "\n")
	const perNote = 11 // eight of text, an empty one, a signature, an empty one
	require.GreaterOrEqual(t, len(lines), count*perNote)
	file := &proof.File{Path: filepath.Join(t.TempDir(), "checkpoints.txt")}
	require.NoError(t, os.WriteFile(file.Path, []byte(strings.Join(lines[:count*perNote], "")), 0o600))
	return file
}
