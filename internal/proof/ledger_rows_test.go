package proof_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// Rows in blocks on disk are those that were put in, wherever one begins to look.
func TestRowsAreFoundByOffset(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n, step := rapid.SampledFrom([]int{0, 1, 1023, 1024, 1025, 2048, 3000}).Draw(t, "rows"), rapid.Int64Range(1, 3).Draw(t, "step")
		offsets := make([]int64, n)
		for i := range offsets {
			offsets[i] = int64(i)*step + rapid.Int64Range(0, 1).Draw(t, "first")*(step-1)
		}
		last := int64(n)*step + 2
		forget, from, to := rapid.Int64Range(0, last).Draw(t, "forget"), rapid.Int64Range(0, last).Draw(t, "from"), rapid.Int64Range(0, last).Draw(t, "to")
		var want []int64
		for _, at := range offsets {
			if at >= max(forget, from) && at < to {
				want = append(want, at)
			}
		}
		found, err := proof.RowsOf(offsets, forget, from, to)
		require.NoError(t, err)
		require.Equal(t, want, found)
	})
}

// long is a log of several blocks a partition.
func long(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	s := w.signer(t)
	for round := range 1300 {
		for _, agency := range agencies {
			w.change(t, agency)
		}
		if round%400 == 50 {
			w.now = w.at(agencies[0])
			w.sign(t, s)
		}
	}
	return w
}

// What lies in files is verified, proved and found as what lies in memory.
func TestALongLogIsVerifiedAndProvedFromDisk(t *testing.T) {
	t.Parallel()
	w := long(t)
	report := w.verify(t, w.memory)
	require.Empty(t, report.Findings)
	require.EqualValues(t, 3*1300, report.Effective)
	require.EqualValues(t, 3*1251, report.Covered)
	for _, agency := range agencies {
		bundle := w.export(t, agency)
		require.True(t, check(t, w, bundle).OK())
		require.Equal(t, 1302, bytes.Count(bundle, []byte("\n")))
	}
	at, i := w.find(agencies[0], 700)
	setHeader(&w.topics[domain.TopicDashboards][at][i], "ce_actor", "x")
	report = w.verify(t, w.memory)
	require.True(t, slices.ContainsFunc(report.Findings, func(f proof.Finding) bool {
		return f.Agency == agencies[0] && f.Version == 700 && f.Kind == proof.KindAltered
	}), "%v", report.Findings)
}

// Without room for rows nothing is said of the log: neither that it is whole nor that it is not. And nothing is signed.
func TestWithoutDiskThereIsNoVerdict(t *testing.T) {
	w := long(t)
	t.Setenv("TMPDIR", "/nowhere/at/all")
	cfg := proof.VerifyConfig{Source: w, Known: w.known(t), File: &w.file}
	_, err := proof.Verify(t.Context(), cfg)
	require.ErrorContains(t, err, "TMPDIR")
	_, err = proof.Export(t.Context(), proof.ExportConfig{Source: w, Parent: agencies[0], Known: w.known(t), File: &w.file}, &bytes.Buffer{})
	require.ErrorContains(t, err, "TMPDIR")
	_, _, err = w.signer(t).Sign(t.Context())
	require.ErrorContains(t, err, "TMPDIR")
	require.NotErrorIs(t, err, proof.ErrContradiction)
}
