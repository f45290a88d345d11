package proof_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/proof"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	for range 50 { // base64 may hold a plus sign anywhere
		private, public, err := proof.GenerateKey()
		require.NoError(t, err)
		signer, again, err := proof.ParseKey(private)
		require.NoError(t, err)
		require.Equal(t, public, again)
		known, err := proof.ParseVerifiers(public, public, public+"\n")
		require.NoError(t, err)
		signed, err := proof.Checkpoint{Partitions: []proof.Covered{{Next: 1}}, Time: noon}.Sign(signer)
		require.NoError(t, err)
		_, err = proof.OpenCheckpoint(signed, known)
		require.NoError(t, err)
		_, _, err = proof.ParseKey(private[:len(private)-3] + "x")
		require.Error(t, err)
		require.NotContains(t, err.Error(), private[len(private)-30:], "an error never holds the key")
	}
	_, _, err := proof.ParseKey("PRIVATE+KEY+x")
	require.ErrorContains(t, err, "PRIVATE+KEY+<name>")
	_, err = proof.ParseVerifiers("nonsense")
	require.ErrorContains(t, err, "nonsense")
}
