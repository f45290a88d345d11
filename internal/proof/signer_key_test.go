package proof_test

import (
	"crypto/rand"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// A signer with a new key that nobody told of the old one begins a chain of its own, which gets published. Once it knows the old key it goes on from what
// that signed; where the file never had it, an operator who knows what happened can move the file aside.
func TestASignerThatDidNotKnowTheOldKeyGoesOn(t *testing.T) {
	t.Parallel()
	for name, ownFile := range map[string]bool{"beside the old one's file": false, "in another data directory": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			old := w.public
			w.change(t, agencies[0])
			w.sign(t, w.signer(t))
			w.change(t, agencies[0])
			last := w.sign(t, w.signer(t))
			var err error
			w.signing, w.public, err = note.GenerateKey(rand.Reader, "new.ledgerboard")
			require.NoError(t, err)
			if ownFile {
				w.file.Path += ".new"
			}
			for range 2 {
				w.change(t, agencies[1])
				w.sign(t, w.signer(t))
			}
			both, err := proof.ParseVerifiers(w.public, old)
			require.NoError(t, err)
			knows := func(c *proof.SignerConfig) { c.Known = both }
			w.change(t, agencies[0])
			if ownFile {
				_, _, err = w.signer(t, knows).Sign(t.Context())
				require.ErrorIs(t, err, proof.ErrContradiction)
				require.ErrorContains(t, err, "move the file aside")
				require.NoError(t, os.Rename(w.file.Path, w.file.Path+".aside"))
			}
			require.Equal(t, last.ID(), w.sign(t, w.signer(t, knows)).Prev)
			report := w.verify(t, w.memory, func(c *proof.VerifyConfig) { c.Known = both })
			require.Empty(t, report.Findings)
			require.True(t, slices.ContainsFunc(report.Notes, func(n string) bool { return strings.Contains(n, "is void") }), "%v", report.Notes)
		})
	}
}
