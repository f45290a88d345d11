package proof_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// What a prover cannot do is an error for people; the signer may make its key known after the prover began.
func TestProver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.change(t, agencies[0])
	_, err := proof.NewProver(w, nil).Checkpoints(t.Context())
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
	var known note.Verifiers
	p := proof.NewProver(w, func() (note.Verifiers, error) { return known, nil })
	bundle := func() (proof.Exported, string, error) {
		var out bytes.Buffer
		done, err := p.Bundle(t.Context(), agencies[0], &out)
		return done, out.String(), err
	}
	_, _, err = bundle()
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
	known = w.known(t)
	_, _, err = bundle()
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err), "nothing is signed yet")
	signed := w.sign(t, w.signer(t))
	done, text, err := bundle()
	require.NoError(t, err)
	require.EqualValues(t, 1, done.Records)
	require.True(t, check(t, w, []byte(text)).OK())
	list, err := p.Checkpoints(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, signed, list[0].Checkpoint)

	at, i := w.find(agencies[0], 1)
	setHeader(&w.topics[domain.TopicDashboards][at][i], "ce_actor", "x")
	_, text, err = bundle()
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err))
	require.ErrorIs(t, err, proof.ErrContradiction)
	require.Empty(t, text)
}
