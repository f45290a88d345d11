package proof_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// notes returns the signed notes in the log.
func (w *world) notes(t testing.TB) (notes []string) {
	t.Helper()
	list, err := proof.NewProver(w, func() (note.Verifiers, error) { return w.verifiers, nil }).Checkpoints(t.Context())
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

// A note contains only what known keys signed, in the signer's exact bytes.
func TestOpenCheckpointIsStrict(t *testing.T) {
	t.Parallel()
	w := busy(t, 3)
	good := w.notes(t)[0]
	_, err := proof.OpenCheckpoint([]byte(good), w.verifiers)
	require.NoError(t, err)

	stranger := newWorld(t).key
	opened, err := note.Open([]byte(good), w.verifiers)
	require.NoError(t, err)
	cosigned, err := note.Sign(opened, stranger)
	require.NoError(t, err)
	_, err = note.Open(cosigned, w.verifiers)
	require.NoError(t, err, "the library ignores the signature of an unknown key")
	_, err = proof.OpenCheckpoint(cosigned, w.verifiers)
	require.ErrorIs(t, err, proof.ErrCheckpoint)

	_, err = proof.OpenCheckpoint([]byte(good), newWorld(t).verifiers)
	require.ErrorIs(t, err, proof.ErrCheckpoint)
	require.ErrorContains(t, err, "it is signed with the key ")

	// 68 bytes of key hash and signature: the last character before the padding has two unused
	// bits.
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
	require.Equal(t, sig(good), sig(other), "two encodings of one signature")
	_, err = proof.OpenCheckpoint([]byte(other), w.verifiers)
	require.ErrorIs(t, err, proof.ErrCheckpoint)
}

func TestParseCheckpointRefusesNonCanonicalText(t *testing.T) {
	t.Parallel()
	good := proof.Checkpoint{Time: noon, Partitions: []proof.Covered{{Records: 5, Agencies: 3}, {}}}.Text()
	_, err := proof.ParseCheckpoint(good)
	require.NoError(t, err)
	noPartition := strings.Index(good, "partition")
	require.Positive(t, noPartition)
	for name, pair := range map[string][2]string{
		"another format":  {"ledgerboard.proof.v2", "ledgerboard.proof.v1"},
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

// Each part of a signed statement is compared with the log: here the holder of the key signs false
// statements.
func TestEveryCheckpointFieldIsComparedWithLog(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lie   func(c *proof.Checkpoint)
		words string
	}{
		"fewer":      {func(c *proof.Checkpoint) { c.Partitions[0].Records-- }, "a record was altered, replaced, inserted, removed or moved"},
		"more":       {func(c *proof.Checkpoint) { c.Partitions[0].Records += 100 }, "effective records, but the checkpoint of"},
		"root":       {func(c *proof.Checkpoint) { c.Partitions[0].Root[0]++ }, "a record was altered, replaced, inserted, removed or moved"},
		"agencies":   {func(c *proof.Checkpoint) { c.Partitions[0].Agencies++ }, "a record was altered, replaced, inserted, removed or moved"},
		"partitions": {func(c *proof.Checkpoint) { c.Partitions = c.Partitions[:2] }, "covers 2 partitions, but the topic has 3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := busy(t, 2)
			running := w.signer(t)
			truth := w.sign(t, running)
			for _, agency := range agencies {
				w.change(t, agency)
			}
			w.sign(t, running)
			require.True(t, w.verify(t).OK())
			c.lie(&truth)
			text, err := truth.Sign(w.key)
			require.NoError(t, err)
			w.lay(t, "lie", string(text))
			report := w.verify(t)
			require.Len(t, report.Findings, 1)
			require.Contains(t, report.Findings[0].String(), c.words)
			require.Equal(t, 2, report.Checkpoints)
			for _, s := range []*proof.Signer{w.signer(t), running} { // one that starts, and one that has read further
				_, _, err = s.Sign(t.Context())
				require.ErrorIs(t, err, proof.ErrContradiction)
			}
		})
	}
}

func TestCheckpointKeysRoundTrip(t *testing.T) {
	t.Parallel()
	for range 50 { // base64 may contain a plus sign anywhere
		private, public, err := proof.GenerateKey()
		require.NoError(t, err)
		signer, again, err := proof.ParseKey(private)
		require.NoError(t, err)
		require.Equal(t, public, again)
		verifiers, err := proof.ParseVerifiers(public, public, public+"\n")
		require.NoError(t, err)
		signed, err := proof.Checkpoint{Partitions: []proof.Covered{{Records: 1}}, Time: noon}.Sign(signer)
		require.NoError(t, err)
		_, err = proof.OpenCheckpoint(signed, verifiers)
		require.NoError(t, err)
		_, _, err = proof.ParseKey(private[:len(private)-3] + "x")
		require.Error(t, err)
		require.NotContains(t, err.Error(), private[len(private)-30:], "an error never contains the key")
	}
	_, _, err := proof.ParseKey("PRIVATE+KEY+x")
	require.ErrorContains(t, err, "PRIVATE+KEY+<name>")
	_, err = proof.ParseVerifiers("nonsense")
	require.ErrorContains(t, err, "nonsense")
}

// Somebody may give the private key where the public one belongs, as text or as a file: errors go to
// logs. They show only the beginning of anything else.
func TestErrorsOfPublicKeysShowNoPrivateKey(t *testing.T) {
	t.Parallel()
	private, _, err := proof.GenerateKey()
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(file, []byte(private), 0o600))
	for _, given := range []string{private, private + "\n" + private, "\x00" + private, file} {
		_, err := proof.ReadKeys([]string{given})
		require.ErrorContains(t, err, "a private key is")
		require.NotContains(t, err.Error(), private[len(private)-30:])
	}
	long := strings.Repeat("a", 80) + "the end"
	for _, given := range []string{long, "a\x00" + long, strings.Repeat(long, 9)} { // absent, refused and too long as a name
		_, err := proof.ReadKeys([]string{given})
		require.ErrorContains(t, err, "is neither a public key nor a file of public keys")
		require.NotContains(t, err.Error(), "the end")
	}
}

// A checkpoint is signed if there is something new, and otherwise once per interval.
func TestSignerSignsNewRecordsAndOncePerInterval(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signer(t)
	nothing := func() {
		t.Helper()
		for _, s := range []*proof.Signer{s, w.signer(t)} { // one that continues, and one that was restarted
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
	w.Put(first) // a duplicate
	nothing()
	w.change(t, agencies[1])
	next := w.sign(t, w.signer(t)) // another process
	require.Equal(t, int64(2), next.Records())
	nothing()
	w.now = next.Time.Add(54 * time.Minute) // an interval later, minus the tolerance of a tenth
	idle := w.sign(t, w.signer(t))
	require.Equal(t, next.Partitions, idle.Partitions)
	nothing()
	w.change(t, agencies[0])
	require.Equal(t, int64(3), w.sign(t, s).Records())
	report := w.verify(t)
	require.True(t, report.OK(), "%v", report.Findings)
	require.Equal(t, 5, report.Checkpoints)
}

// The reference implementation computes the same root over the heads of any number of agencies, also if
// any of them change between two checkpoints, and a bundle of each agency is proved.
func TestRootsEqualTlog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signer(t)
	all := ofOnePartition(70)
	draws := rand.New(rand.NewSource(1))
	for n := range all {
		w.change(t, all[n])
		for range draws.Intn(4) {
			w.change(t, all[draws.Intn(n+1)])
		}
		if n%5 == 3 {
			s = w.signer(t) // restarted
		}
		c := w.sign(t, s)
		var hashes []tlog.Hash
		reader := tlog.HashReaderFunc(func(indexes []int64) (out []tlog.Hash, err error) {
			for _, i := range indexes {
				out = append(out, hashes[i])
			}
			return out, nil
		})
		for i, agency := range all[:n+1] {
			more, err := tlog.StoredHashesForRecordHash(int64(i), proof.LeafHash(agency, w.heads[agency]), reader)
			require.NoError(t, err)
			hashes = append(hashes, more...)
		}
		root, err := tlog.TreeHash(int64(n+1), reader)
		require.NoError(t, err)
		require.Equal(t, root, c.Partitions[0].Root)
		require.Equal(t, int64(n+1), c.Partitions[0].Agencies)
		one := all[draws.Intn(n+1)]
		report := check(t, w, w.export(t, one))
		require.True(t, report.OK(), "%d: %v", n, report.Findings)
		require.Equal(t, w.heads[one].Version, report.Covered)
	}
}

// ofOnePartition returns agencies of partition 0.
func ofOnePartition(n int) (list []string) {
	for i := 1; len(list) < n; i++ {
		id := fmt.Sprintf("6f1d7f3b8c9d440001a1%04x", i)
		if eventlog.PartitionOf([]byte(id), testPartitions) == 0 {
			list = append(list, id)
		}
	}
	return list
}

// Two processes that sign at the same time make two valid checkpoints, and continue.
func TestConcurrentSignersMakeValidCheckpoints(t *testing.T) {
	t.Parallel()
	w := busy(t, 3)
	signers := []*proof.Signer{w.signer(t), w.signer(t)}
	w.change(t, agencies[0])
	first := w.signer(t, func(c *proof.SignerConfig) {
		c.Append = func(ctx context.Context, d domain.Draft) error {
			w.sign(t, signers[0]) // in the meantime
			return w.Append(ctx, d)
		}
	})
	w.sign(t, first)
	for range 2 {
		w.change(t, agencies[1])
		for _, s := range signers {
			_, _, err := s.Sign(t.Context())
			require.NoError(t, err)
		}
	}
	report := w.verify(t)
	require.True(t, report.OK(), "%v", report.Findings)
	require.Equal(t, 5, report.Checkpoints)
}

// A checkpoint whose append failed is signed again.
func TestCheckpointIsSignedAgainAfterFailedAppend(t *testing.T) {
	t.Parallel()
	w := busy(t, 6)
	running := w.signer(t)
	w.change(t, agencies[0])
	w.broken = errors.New("the broker is unreachable")
	_, _, err := running.Sign(t.Context())
	require.ErrorIs(t, err, w.broken)
	w.broken = nil
	w.sign(t, running)
}

// Run takes turns, and a last one at the end.
func TestSignerRunTakesLastTurnOnStop(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.change(t, agencies[0])
	var turns []proof.SigningResult
	ctx, cancel := context.WithCancel(t.Context())
	s := w.signer(t, func(c *proof.SignerConfig) {
		c.Observe = func(turn proof.SigningResult) {
			turns = append(turns, turn)
			cancel()
		}
	})
	require.NoError(t, s.Run(ctx, t.Context()))
	require.Len(t, turns, 2)
	require.True(t, turns[0].Signed)
	require.False(t, turns[1].Signed, "nothing is new")
}
