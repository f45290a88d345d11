package proof_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// A checkpoint is signed when there is something new, and once an interval when there is not.
func TestSigner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signer(t)
	nothing := func() {
		t.Helper()
		for _, s := range []*proof.Signer{s, w.signer(t)} { // one that goes on, and one that was restarted
			_, signed, err := s.Sign(t.Context())
			require.NoError(t, err)
			require.False(t, signed)
		}
	}
	require.Zero(t, w.sign(t, s).Records())
	nothing()
	first := w.change(t, agencies[0])
	require.Equal(t, int64(1), w.sign(t, s).Records())
	nothing()
	w.put(first) // a duplicate
	nothing()
	w.change(t, agencies[1])
	next := w.sign(t, w.signer(t)) // another process
	require.Equal(t, int64(2), next.Records())
	nothing()
	w.now = next.Time.Add(54 * time.Minute) // an interval later, less the tenth that turns may be apart by less
	idle := w.sign(t, w.signer(t))
	require.Equal(t, next.Partitions[0].Root, idle.Partitions[0].Root)
	nothing()
	w.change(t, agencies[0])
	require.Equal(t, int64(3), w.sign(t, s).Records())
	report := w.verify(t)
	require.True(t, report.OK(), "%v", report.Findings)
	require.Equal(t, 5, report.Checkpoints)
}

// The root is the one that the reference implementation computes, whether the signer saw the records one by one or was
// restarted. A bundle of each size of tree is proved.
func TestRootsAreThoseOfTlog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hashes := []tlog.Hash{}
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, i := range indexes {
			out = append(out, hashes[i])
		}
		return out, nil
	})
	s := w.signer(t)
	at := eventlog.PartitionOf([]byte(agencies[0]), testPartitions)
	for n := range 40 {
		w.change(t, agencies[0])
		leaf := proof.LeafHash(agencies[0], w.heads[agencies[0]])
		more, err := tlog.StoredHashesForRecordHash(int64(n), leaf, reader)
		require.NoError(t, err)
		hashes = append(hashes, more...)
		if n%5 == 3 {
			s = w.signer(t) // restarted
		}
		c := w.sign(t, s)
		root, err := tlog.TreeHash(int64(n+1), reader)
		require.NoError(t, err)
		require.Equal(t, root, c.Partitions[at].Root)
		require.Equal(t, leaf, c.Partitions[at].Heads, "the tree of one head is its leaf")
		report := check(t, w, w.export(t, agencies[0]))
		require.True(t, report.OK(), "%d: %v", n, report.Findings)
		require.Zero(t, report.NotCovered)
	}
}

// Two processes that sign at the same time make two checkpoints that hold, and go on.
func TestTwoSignersAtOnce(t *testing.T) {
	t.Parallel()
	w := busy(t, 3)
	others := []*proof.Signer{w.signer(t), w.signer(t)}
	w.change(t, agencies[0])
	first := w.signer(t, func(c *proof.SignerConfig) {
		c.Append = func(ctx context.Context, d domain.Draft) error {
			w.sign(t, others[0]) // meanwhile
			return w.Append(ctx, d)
		}
	})
	w.sign(t, first)
	for range 2 {
		w.change(t, agencies[1])
		for _, s := range others {
			_, _, err := s.Sign(t.Context())
			require.NoError(t, err)
		}
	}
	report := w.verify(t)
	require.True(t, report.OK(), "%v", report.Findings)
	require.Equal(t, 5, report.Checkpoints)
}

// While the log contradicts a checkpoint nothing is signed, by whichever signer; a checkpoint whose append failed is signed again.
func TestSignerRefusesAContradiction(t *testing.T) {
	t.Parallel()
	w := busy(t, 6)
	running := w.signer(t)
	w.change(t, agencies[0])
	w.broken = errors.New("the broker is away")
	_, _, err := running.Sign(t.Context())
	require.ErrorIs(t, err, w.broken)
	w.broken = nil
	w.sign(t, running)

	p, i := w.find(agencies[0], 4)
	records := w.topics[domain.TopicDashboards]
	honest := records[p][i]
	setHeader(&records[p][i], "ce_actor", "x")
	w.change(t, agencies[1])
	_, _, err = w.signer(t).Sign(t.Context())
	require.ErrorIs(t, err, proof.ErrContradiction)
	records[p][i] = honest
	records[p] = records[p][:3] // the end is cut off
	for range 2 {
		_, _, err = running.Sign(t.Context())
		require.Error(t, err)
	}
	require.ErrorIs(t, err, proof.ErrContradiction)
}

// A process that does not get the lock signs nothing; Run takes turns and a last one.
func TestSignerRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.change(t, agencies[0])
	busy := true
	var turns []proof.Turn
	ctx, cancel := context.WithCancel(t.Context())
	s := w.signer(t, func(c *proof.SignerConfig) {
		c.Lock = func(context.Context) (func(), bool, error) { return func() {}, !busy, nil }
		c.Observe = func(turn proof.Turn) {
			turns = append(turns, turn)
			busy = false
			cancel()
		}
	})
	require.NoError(t, s.Run(ctx, t.Context()))
	require.Len(t, turns, 2)
	require.False(t, turns[0].Signed)
	require.True(t, turns[1].Signed)
}
