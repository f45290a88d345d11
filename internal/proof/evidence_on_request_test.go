package proof_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// Any two checkpoints that were published are provably of one log, and no proof serves for another pair.
func TestPublishedCheckpointsAreConsistent(t *testing.T) {
	t.Parallel()
	w := busy(t, 15)
	p := proof.NewProver(w, always(w.known(t)), &w.file)
	list, err := p.Checkpoints(t.Context())
	require.NoError(t, err)
	require.Greater(t, len(list), 3)
	for i, older := range list {
		opened, err := proof.OpenCheckpoint([]byte(older.Note), w.known(t))
		require.NoError(t, err)
		require.Equal(t, older.Checkpoint, opened)
		for _, newer := range list[i:] {
			proved, err := p.Consistency(t.Context(), older.ID(), newer.ID())
			require.NoError(t, err)
			if older.Size == newer.Size {
				continue
			}
			require.NoError(t, tlog.CheckTree(proved, newer.Size, newer.Root, older.Size, older.Root))
			_, err = p.Consistency(t.Context(), newer.ID(), older.ID())
			require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
		}
	}
	_, err = p.Consistency(t.Context(), tlog.Hash{1}, list[0].ID())
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
}

// What a prover cannot do is said to people.
func TestProverRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.change(t, agencies[0])
	_, err := proof.NewProver(w, nil, nil).Checkpoints(t.Context())
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
	_, err = proof.NewProver(w, nil, nil).Bundle(t.Context(), agencies[0], &bytes.Buffer{})
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
	p := proof.NewProver(w, always(w.known(t)), &w.file)
	_, err = p.Bundle(t.Context(), agencies[0], &bytes.Buffer{})
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err))
	w.sign(t, w.signer(t))
	var bundle bytes.Buffer
	done, err := p.Bundle(t.Context(), agencies[0], &bundle)
	require.NoError(t, err)
	require.EqualValues(t, 1, done.Records)
	require.True(t, check(t, w, bundle.Bytes()).OK())
	at, i := w.find(agencies[0], 1)
	setHeader(&w.topics[domain.TopicDashboards][at][i], "ce_actor", "x")
	_, err = p.Bundle(t.Context(), agencies[0], &bytes.Buffer{})
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err))
	require.ErrorIs(t, err, proof.ErrContradiction)
}
