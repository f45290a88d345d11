package proof_test

import (
	"encoding/base64"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// A note carries what was signed by known keys, in the bytes that the signer wrote, and nothing more.
func TestOpenCheckpointIsStrict(t *testing.T) {
	t.Parallel()
	w := busy(t, 3)
	raw, err := os.ReadFile(w.file.Path)
	require.NoError(t, err)
	good := strings.TrimSuffix(string(raw), "\n")
	_, err = proof.OpenCheckpoint([]byte(good), w.known(t))
	require.NoError(t, err)

	stranger, err := note.NewSigner(newWorld(t).signing)
	require.NoError(t, err)
	opened, err := note.Open([]byte(good), w.known(t))
	require.NoError(t, err)
	cosigned, err := note.Sign(opened, stranger)
	require.NoError(t, err)
	_, err = note.Open(cosigned, w.known(t))
	require.NoError(t, err, "the library passes over the stranger's signature")
	_, err = proof.OpenCheckpoint(cosigned, w.known(t))
	require.ErrorIs(t, err, proof.ErrCheckpoint)

	// 68 bytes of key hash and signature: the last character before the padding has two bits to spare.
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	i := strings.LastIndex(good, "=") - 1
	for good[i] == '=' {
		i--
	}
	other := good[:i] + string(alphabet[strings.IndexByte(alphabet, good[i])^1]) + good[i+1:]
	sig := func(text string) []byte {
		line := strings.TrimSuffix(text[strings.LastIndex(text, " ")+1:], "\n")
		b, err := base64.StdEncoding.DecodeString(line)
		require.NoError(t, err)
		return b
	}
	require.Equal(t, sig(good), sig(other), "two spellings of one signature")
	_, err = proof.OpenCheckpoint([]byte(other), w.known(t))
	require.ErrorIs(t, err, proof.ErrCheckpoint)
}

func TestParseCheckpointRefuses(t *testing.T) {
	t.Parallel()
	good := proof.Checkpoint{Size: 3, HeadCount: 1, Positions: []int64{1, 2}, Time: noon}.Text()
	_, err := proof.ParseCheckpoint(good)
	require.NoError(t, err)
	for name, pair := range map[string][2]string{
		"another origin":   {"ledgerboard/dashboards/", "ledgerboard/metrics/"},
		"a capital letter": {"/00", "/0A"},
		"a leading zero":   {"\n3\n", "\n03\n"},
		"a sign":           {"\n3\n", "\n+3\n"},
		"negative":         {"\n3\n", "\n-3\n"},
		"no heads":         {"heads 1 ", "heads "},
		"a gap":            {"1,2", "1,,2"},
		"a space":          {"1,2", "1, 2"},
		"another zone":     {"000000Z", "000000+00:00"},
		"a line more":      {"prev -", "prev -\nx"},
		"no predecessor":   {"prev -", "prev "},
	} {
		require.Contains(t, good, pair[0], name)
		_, err := proof.ParseCheckpoint(strings.Replace(good, pair[0], pair[1], 1))
		require.ErrorIs(t, err, proof.ErrCheckpoint, name)
	}
}

// Each part of a signed statement is held against the log: here the key itself signs what is not so.
func TestEveryPartOfACheckpointIsCompared(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lie   func(c *proof.Checkpoint)
		words string
	}{
		"size":       {func(c *proof.Checkpoint) { c.Size-- }, "it covers 8 records, the log has 9"},
		"root":       {func(c *proof.Checkpoint) { c.Root[0]++ }, "the root over the records"},
		"heads":      {func(c *proof.Checkpoint) { c.HeadRoot[0]++ }, "the root over the streams' ends"},
		"head count": {func(c *proof.Checkpoint) { c.HeadCount++ }, "the root over the streams' ends"},
		"partitions": {func(c *proof.Checkpoint) { c.Positions = c.Positions[:2] }, "covers 2 partitions"},
		"behind":     {func(c *proof.Checkpoint) { clear(c.Positions) }, "it goes back behind the one before it"},
		"ancestor":   {func(c *proof.Checkpoint) { c.Prev[0]++ }, "the checkpoint before it is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := busy(t, 2)
			w.sign(t, w.signer(t))
			for _, a := range agencies {
				w.change(t, a)
			}
			honest := w.clone()
			truth := w.sign(t, w.signer(t))
			w.memory = honest // as if that one had never been
			require.NoError(t, os.Remove(w.file.Path))
			c.lie(&truth)
			key, err := note.NewSigner(w.signing)
			require.NoError(t, err)
			signed, err := truth.Sign(key)
			require.NoError(t, err)
			require.NoError(t, w.Append(t.Context(), domain.Draft{
				Topic: domain.TopicOperations, Key: domain.OperationsKeyAll,
				Envelope: domain.Envelope{ID: "lie", Time: noon},
				Data:     domain.CheckpointSigned{Size: truth.Size, Positions: truth.Positions, Note: string(signed)},
			}))
			report := w.verify(t, w.memory)
			require.Len(t, report.Findings, 1)
			want := proof.KindCheckpoint
			if name == "root" { // all else is as it was signed: what is left is the order
				want = proof.KindReordered
			}
			require.Equal(t, want, report.Findings[0].Kind)
			require.Contains(t, report.Findings[0].Detail, c.words)
		})
	}
}
