package proof_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
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

// Whoever has the checkpoint key can sign the true tree over all records, and beside it another one over the ends of streams that leaves the newest records
// of one out. Whoever kept an older bundle, or another checkpoint, sees it.
func TestALaterCheckpointSignsNoEarlierEnd(t *testing.T) {
	t.Parallel()
	w := busy(t, 6)
	older := w.export(t, agencies[0])
	for range 3 {
		w.change(t, agencies[1])
	}
	w.sign(t, w.signer(t))
	lines := strings.SplitAfter(string(w.export(t, agencies[0])), "\n") // head, six records, end, ""
	newer, _, err := proof.ReadSigned(strings.NewReader(lines[0]), w.known(t))
	require.NoError(t, err)

	p, i := w.find(agencies[0], 4)
	fourth := w.topics[domain.TopicDashboards][p][i] // the end that is signed in the place of the sixth
	prev, err := hex.DecodeString(fourth.Header("ce_chainprev"))
	require.NoError(t, err)
	end := domain.StreamHead{Version: 4, Hash: eventlog.RecordHash([32]byte(prev), fourth)}
	forged := newer
	forged.HeadCount, forged.HeadRoot = 1, proof.LeafHash(agencies[0], end)
	note, err := forged.Sign(w.key(t))
	require.NoError(t, err)
	var text bytes.Buffer
	require.NoError(t, json.NewEncoder(&text).Encode(string(note)))
	cut := []byte(`{"bundle":"ledgerboard.proof.v1","topic":"dashboards","key":"` + agencies[0] + `","checkpoint":` + strings.TrimSpace(text.String()) +
		`,"head":{"version":4,"leaf":0,"proof":[]}}` + "\n" + strings.Join(lines[1:5], "") + `{"records":4}` + "\n")
	require.True(t, check(t, w, cut).OK(), "by itself it holds: %v", check(t, w, cut).Findings)
	for name, pair := range map[string][2][]byte{"older first": {older, cut}, "newer first": {cut, older}} {
		f, err := proof.SameHistory(bytes.NewReader(pair[0]), bytes.NewReader(pair[1]), w.known(t))
		require.NoError(t, err)
		require.NotNil(t, f, name)
		require.Equal(t, proof.KindTruncated, f.Kind)
		require.EqualValues(t, 5, f.Version)
		require.Contains(t, f.Detail, "version 6 was the last")
	}
	whole := []byte(strings.Join(lines, ""))
	f, err := proof.SameHistory(bytes.NewReader(whole), bytes.NewReader(cut), w.known(t))
	require.NoError(t, err)
	require.NotNil(t, f, "of one size")
	f, err = proof.SameHistory(bytes.NewReader(older), bytes.NewReader(whole), w.known(t))
	require.NoError(t, err)
	require.Nil(t, f)

	require.Contains(t, proof.Consistent(newer, forged, nil).Detail, "other ends of streams")
	first, _, err := proof.ReadSigned(bytes.NewReader(older), w.known(t))
	require.NoError(t, err)
	proved, err := proof.NewProver(w, always(w.known(t)), &w.file).Consistency(t.Context(), first.ID(), newer.ID())
	require.NoError(t, err)
	require.Nil(t, proof.Consistent(first, newer, proved))
	require.Contains(t, proof.Consistent(first, forged, proved).Detail, "covers fewer streams")
}
