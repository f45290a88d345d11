package proof_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

var errCrash = errors.New("killed")

// notes is how many checkpoints are in the file and on `operations`.
func (w *world) notes(t testing.TB, file proof.File) (inFile, inLog int) {
	t.Helper()
	raw, err := os.ReadFile(file.Path)
	if !errors.Is(err, os.ErrNotExist) {
		require.NoError(t, err)
	}
	for _, part := range w.topics[domain.TopicOperations] {
		inLog += len(part)
	}
	return strings.Count(string(raw), "\n— "), inLog
}

// holds says that everything verifies, and how many checkpoints do.
func (w *world) holds(t testing.TB, checkpoints int) {
	t.Helper()
	report := w.verify(t, w.memory)
	require.True(t, report.OK(), "%v", report.Findings)
	require.Equal(t, checkpoints, report.Checkpoints)
}

func TestSignOnlyWhatIsNew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signer(t)
	nothing := func() {
		_, signed, err := s.Sign(t.Context())
		require.NoError(t, err)
		require.False(t, signed)
	}
	empty := w.sign(t, s) // that there was nothing yet is said, too
	require.Equal(t, tlog.Hash{}, empty.Prev)
	require.Zero(t, empty.Size)
	nothing()
	first := w.change(t, agencies[0])
	c := w.sign(t, s)
	require.Equal(t, int64(1), c.Size)
	require.Equal(t, empty.ID(), c.Prev)
	nothing()
	w.put(first) // a duplicate
	nothing()
	w.change(t, agencies[1])
	next := w.sign(t, s)
	require.Equal(t, c.ID(), next.Prev)
	require.Equal(t, int64(2), next.HeadCount)
	nothing()
	w.now = next.Time.Add(54 * time.Minute)
	idle := w.sign(t, w.signer(t)) // an interval later, less the tenth that turns may be apart by less
	require.Equal(t, []any{next.ID(), next.Size, next.Root}, []any{idle.Prev, idle.Size, idle.Root})
	nothing()
	w.began = w.now
	w.change(t, agencies[0])
	require.Equal(t, idle.ID(), w.sign(t, s).Prev, "of checkpoints over the same records the last one is continued")
	w.holds(t, 5)
	inFile, inLog := w.notes(t, w.file)
	require.Equal(t, 5, inFile)
	require.Equal(t, 5, inLog)
}

// A checkpoint is the same whether the signer saw the records one by one or reads them after a restart,
// and its root is the one that the reference implementation computes.
func TestRootsAreThoseOfTlog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var leaves []tlog.Hash
	hashes := []tlog.Hash{}
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, i := range indexes {
			out = append(out, hashes[i])
		}
		return out, nil
	})
	s := w.signer(t)
	for n := range 40 {
		w.change(t, agencies[0])
		leaf := proof.LeafHash(agencies[0], w.heads[agencies[0]])
		more, err := tlog.StoredHashesForRecordHash(int64(n), leaf, reader)
		require.NoError(t, err)
		hashes, leaves = append(hashes, more...), append(leaves, leaf)
		if n%5 == 3 {
			s = w.signer(t) // restarted
		}
		c := w.sign(t, s)
		root, err := tlog.TreeHash(int64(n+1), reader)
		require.NoError(t, err)
		require.Equal(t, root, c.Root)
		require.Equal(t, leaf, c.HeadRoot, "the tree of one head is its leaf")
	}
	require.Len(t, leaves, 40)
}

// Killed after the log has the checkpoint and before the file has it: the next turn copies it.
func TestCrashBetweenLogAndFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.change(t, agencies[0])
	nowhere := proof.File{Path: filepath.Join(t.TempDir(), "missing", "checkpoints.txt")}
	_, _, err := w.signer(t, func(c *proof.SignerConfig) { c.File = nowhere }).Sign(t.Context())
	require.Error(t, err)
	inFile, inLog := w.notes(t, w.file)
	require.Equal(t, []int{0, 1}, []int{inFile, inLog})
	report := w.verify(t, w.memory)
	require.True(t, report.OK(), "%v", report.Findings)
	require.Contains(t, report.Notes[0], "copies it at its next turn")

	_, signed, err := w.signer(t).Sign(t.Context())
	require.NoError(t, err)
	require.False(t, signed, "it covers all there is")
	inFile, inLog = w.notes(t, w.file)
	require.Equal(t, []int{1, 1}, []int{inFile, inLog})
	w.holds(t, 1)
}

// Killed within the write to the file: the half stays, what is appended later is read, and nothing is lost.
func TestTornWrite(t *testing.T) {
	t.Parallel()
	for kept := 1; ; kept += 3 {
		w := newWorld(t)
		w.change(t, agencies[0])
		w.sign(t, w.signer(t))
		raw, err := os.ReadFile(w.file.Path)
		require.NoError(t, err)
		if kept >= len(raw)-2 { // the note is whole without the empty line behind it
			return
		}
		require.NoError(t, os.WriteFile(w.file.Path, raw[:kept], 0o600))
		w.change(t, agencies[0])
		w.sign(t, w.signer(t))
		inFile, inLog := w.notes(t, w.file)
		require.Equal(t, 2, inLog)
		require.GreaterOrEqual(t, inFile, 2, "the log's copy is appended again")
		report := w.verify(t, w.memory)
		require.True(t, report.OK(), "%d: %v", kept, report.Findings)
		require.Equal(t, 2, report.Checkpoints)
		require.Contains(t, strings.Join(report.Notes, "\n"), "torn")
	}
}

// A restore reads the file without looking at signatures: wherever a write was torn, it reads what follows, and the torn one where its text is whole.
func TestStatedBehindATornWrite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.change(t, agencies[0])
	first := w.sign(t, w.signer(t))
	raw, err := os.ReadFile(w.file.Path)
	require.NoError(t, err)
	w.change(t, agencies[0])
	second := w.sign(t, w.signer(t))
	both, err := os.ReadFile(w.file.Path)
	require.NoError(t, err)
	next := string(both[len(raw):])
	for kept := range raw {
		stated := proof.ReadStated(string(raw[:kept]) + "\n" + next)
		if kept > len(first.Text()) {
			require.Len(t, stated, 2, kept)
			require.Equal(t, first, stated[0].Checkpoint)
		}
		last := stated[len(stated)-1]
		require.Equal(t, second, last.Checkpoint, kept)
		opened, err := proof.OpenCheckpoint([]byte(last.Note), w.known(t))
		require.NoError(t, err)
		require.Equal(t, second, opened)
	}
}

// The answer to the append was lost and the checkpoint is in the log: it is found there.
func TestUnknownOutcomeThatSucceeded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.change(t, agencies[0])
	s := w.signer(t, func(c *proof.SignerConfig) {
		c.Append = func(ctx context.Context, d domain.Draft) error { return errors.Join(w.Append(ctx, d), errCrash) }
	})
	_, _, err := s.Sign(t.Context())
	require.ErrorIs(t, err, errCrash)
	_, signed, err := s.Sign(t.Context())
	require.NoError(t, err)
	require.False(t, signed)
	inFile, inLog := w.notes(t, w.file)
	require.Equal(t, []int{1, 1}, []int{inFile, inLog})
	w.holds(t, 1)
}

// The append failed for good: nothing is anywhere, and the next turn signs.
func TestFailedAppend(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.change(t, agencies[0])
	s := w.signer(t)
	w.broken = errCrash
	_, _, err := s.Sign(t.Context())
	require.ErrorIs(t, err, errCrash)
	inFile, inLog := w.notes(t, w.file)
	require.Equal(t, []int{0, 0}, []int{inFile, inLog})
	w.broken = nil
	w.sign(t, s)
	w.holds(t, 1)
}
