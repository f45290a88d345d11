package proof_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// notes are the signed notes in the log.
func (w *world) notes(t testing.TB) (notes []string) {
	t.Helper()
	list, err := proof.NewProver(w, func() (note.Verifiers, error) { return w.known, nil }).Checkpoints(t.Context())
	require.NoError(t, err)
	for _, c := range list {
		notes = append(notes, c.Note)
	}
	return notes
}

// lay appends a note to the log.
func (w *world) lay(t testing.TB, id, text string) {
	t.Helper()
	require.NoError(t, w.Append(t.Context(), domain.Draft{
		Topic: domain.TopicOperations, Key: domain.OperationsKeyAll,
		Envelope: domain.Envelope{ID: id, Time: noon}, Data: domain.CheckpointSigned{Size: 1, Positions: []int64{1}, Note: text},
	}))
}

// A note carries what was signed by known keys, in the bytes that the signer wrote, and nothing more.
func TestOpenCheckpointIsStrict(t *testing.T) {
	t.Parallel()
	w := busy(t, 3)
	good := w.notes(t)[0]
	_, err := proof.OpenCheckpoint([]byte(good), w.known)
	require.NoError(t, err)

	stranger := newWorld(t).key
	opened, err := note.Open([]byte(good), w.known)
	require.NoError(t, err)
	cosigned, err := note.Sign(opened, stranger)
	require.NoError(t, err)
	_, err = note.Open(cosigned, w.known)
	require.NoError(t, err, "the library ignores the stranger's signature")
	_, err = proof.OpenCheckpoint(cosigned, w.known)
	require.ErrorIs(t, err, proof.ErrCheckpoint)

	// 68 bytes of key hash and signature: the last character before the padding has two bits to spare.
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	i := strings.LastIndex(good, "=") - 1
	for good[i] == '=' {
		i--
	}
	other := good[:i] + string(alphabet[strings.IndexByte(alphabet, good[i])^1]) + good[i+1:]
	sig := func(text string) []byte {
		b, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(text[strings.LastIndex(text, " ")+1:], "\n"))
		require.NoError(t, err)
		return b
	}
	require.Equal(t, sig(good), sig(other), "two spellings of one signature")
	_, err = proof.OpenCheckpoint([]byte(other), w.known)
	require.ErrorIs(t, err, proof.ErrCheckpoint)
}

func TestParseCheckpointRefuses(t *testing.T) {
	t.Parallel()
	good := proof.Checkpoint{Time: noon, Partitions: []proof.Covered{{Next: 5, Records: 3, Streams: 1}, {}}}.Text()
	_, err := proof.ParseCheckpoint(good)
	require.NoError(t, err)
	noPartition := strings.Index(good, "partition")
	require.Positive(t, noPartition)
	for name, pair := range map[string][2]string{
		"another origin":  {"ledgerboard/dashboards", "ledgerboard/metrics"},
		"a leading zero":  {" 5 3 ", " 05 3 "},
		"a sign":          {" 5 3 ", " +5 3 "},
		"negative":        {" 5 3 ", " 5 -3 "},
		"a space":         {" 5 3 ", " 5  3 "},
		"another zone":    {"000000Z", "000000+00:00"},
		"another number":  {"partition 1", "partition 2"},
		"a word more":     {"\npartition 1", " x\npartition 1"},
		"an empty line":   {"\npartition 1", "\n\npartition 1"},
		"no time":         {"time ", ""},
		"no end of line":  {"AAA=\n", "AAA="},
		"no partition":    {good[noPartition:], ""},
		"an unknown line": {"\npartition 0", "\nx 0"},
	} {
		require.Contains(t, good, pair[0], name)
		at := strings.LastIndex(good, pair[0])
		_, err := proof.ParseCheckpoint(good[:at] + pair[1] + good[at+len(pair[0]):])
		require.ErrorIs(t, err, proof.ErrCheckpoint, name)
	}
}

// Each part of a signed statement is compared with the log: here the holder of the key signs what is not so.
func TestEveryPartOfACheckpointIsCompared(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lie   func(c *proof.Checkpoint)
		words string
	}{
		"records":    {func(c *proof.Checkpoint) { c.Partitions[0].Records-- }, "records count, and it covers"},
		"root":       {func(c *proof.Checkpoint) { c.Partitions[0].Root[0]++ }, "a record was altered, replaced or moved"},
		"heads":      {func(c *proof.Checkpoint) { c.Partitions[0].Heads[0]++ }, "other ends of the agencies' streams"},
		"streams":    {func(c *proof.Checkpoint) { c.Partitions[0].Streams++ }, "other ends of the agencies' streams"},
		"offset":     {func(c *proof.Checkpoint) { c.Partitions[0].Next += 100 }, "its end was cut off"},
		"partitions": {func(c *proof.Checkpoint) { c.Partitions = c.Partitions[:2] }, "covers 2 partitions, the topic has 3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := busy(t, 2)
			truth := w.sign(t, w.signer(t))
			require.True(t, w.verify(t).OK())
			c.lie(&truth)
			text, err := truth.Sign(w.key)
			require.NoError(t, err)
			w.lay(t, "lie", string(text))
			report := w.verify(t)
			require.Len(t, report.Findings, 1)
			require.Contains(t, report.Findings[0].String(), c.words)
			require.Equal(t, 1, report.Checkpoints)
			_, _, err = w.signer(t).Sign(t.Context())
			require.ErrorIs(t, err, proof.ErrContradiction)
		})
	}
}

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
