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
		opened, isBundle, err := proof.ReadSigned(bytes.NewReader([]byte(older.Note)), w.known(t))
		require.NoError(t, err)
		require.False(t, isBundle)
		require.Equal(t, older.Checkpoint, opened)
		for _, newer := range list[i:] {
			proved, err := p.Consistency(t.Context(), older.ID(), newer.ID())
			require.NoError(t, err)
			require.Nil(t, proof.Consistent(older.Checkpoint, newer.Checkpoint, proved))
			other := older.Checkpoint
			other.Root[3] ^= 1
			if older.Size == newer.Size {
				require.NotNil(t, proof.Consistent(other, newer.Checkpoint, nil), "two histories as long as one another")
				continue
			}
			require.NotNil(t, proof.Consistent(other, newer.Checkpoint, proved))
			require.NotNil(t, proof.Consistent(newer.Checkpoint, older.Checkpoint, proved))
			require.NotNil(t, proof.Consistent(older.Checkpoint, newer.Checkpoint, nil))
			_, err = p.Consistency(t.Context(), newer.ID(), older.ID())
			require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
		}
	}
	_, err = p.Consistency(t.Context(), tlog.Hash{1}, list[0].ID())
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
}

// Whoever has the key and made the history anew has no proof that it goes on from what was published before; two bundles of one
// agency name the version.
func TestAHistoryMadeAnewHasNoProof(t *testing.T) {
	t.Parallel()
	w := busy(t, 6)
	before := w.export(t, agencies[0])
	list, err := proof.NewProver(w, always(w.known(t)), &w.file).Checkpoints(t.Context())
	require.NoError(t, err)

	other := newWorld(t)
	other.signing, other.public = w.signing, w.public
	s := other.signer(t)
	for round := range 8 {
		if round == 2 {
			other.chain(agencies[0], other.encode(t, agencies[0], other.heads[agencies[0]], "somebody else", other.at(agencies[0])))
			continue
		}
		other.change(t, agencies[0])
		other.sign(t, s)
	}
	after := other.export(t, agencies[0])
	late, err := proof.NewProver(other, always(other.known(t)), &other.file).Checkpoints(t.Context())
	require.NoError(t, err)
	_, err = proof.NewProver(other, always(other.known(t)), &other.file).Consistency(t.Context(), list[0].ID(), late[len(late)-1].ID())
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))

	same, err := proof.SameHistory(bytes.NewReader(before), bytes.NewReader(before), w.known(t))
	require.NoError(t, err)
	require.Nil(t, same)
	differs, err := proof.SameHistory(bytes.NewReader(before), bytes.NewReader(after), w.known(t))
	require.NoError(t, err)
	require.NotNil(t, differs)
	require.Equal(t, proof.KindRewritten, differs.Kind)
	require.EqualValues(t, 3, differs.Version)
	require.NotNil(t, proof.Consistent(list[0].Checkpoint, late[len(late)-1].Checkpoint, nil))
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
