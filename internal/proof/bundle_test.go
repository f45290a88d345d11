package proof_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

func (w *world) export(t testing.TB, agency string) []byte {
	t.Helper()
	var out bytes.Buffer
	_, err := proof.Export(t.Context(), proof.ExportConfig{Source: w, Parent: agency, Verifiers: w.verifiers}, &out)
	require.NoError(t, err)
	return out.Bytes()
}

func check(t testing.TB, w *world, bundle []byte) proof.BundleReport {
	t.Helper()
	report, err := proof.VerifyBundle(bytes.NewReader(bundle), w.verifiers)
	require.NoError(t, err)
	return report
}

func TestBundleRoundTrip(t *testing.T) {
	t.Parallel()
	w := busy(t, 10) // the last round is not covered yet
	for _, a := range agencies {
		var out bytes.Buffer
		done, err := proof.Export(t.Context(), proof.ExportConfig{Source: w, Parent: a, Verifiers: w.verifiers}, &out)
		require.NoError(t, err)
		report := check(t, w, out.Bytes())
		require.True(t, report.OK(), "%v", report.Findings)
		require.Equal(t, a, report.Agency)
		require.Equal(t, []int64{10, 9, 10, 9, 1, 9},
			[]int64{done.Records, done.Covered, report.Records, report.Covered, report.NotCovered, report.Head})
	}
}

func TestExportRefuses(t *testing.T) {
	t.Parallel()
	export := func(w *world, a string) error {
		_, err := proof.Export(t.Context(), proof.ExportConfig{Source: w, Parent: a, Verifiers: w.verifiers}, &bytes.Buffer{})
		return err
	}
	w := busy(t, 3)
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(export(w, client(1))))
	fresh := newWorld(t)
	fresh.change(t, agencies[0])
	require.ErrorIs(t, export(fresh, agencies[0]), proof.ErrNotCovered)
	fresh.sign(t, fresh.signer(t))
	fresh.change(t, agencies[1])
	require.ErrorIs(t, export(fresh, agencies[1]), proof.ErrNotCovered)
}

// A bundle contains nothing of another agency: no id, no byte of a record, no hash of its chain.
func TestBundleContainsNoOtherAgency(t *testing.T) {
	t.Parallel()
	w := busy(t, 9)
	bundle := string(w.export(t, agencies[0]))
	for _, parts := range w.Topics[domain.TopicDashboards] {
		for _, r := range parts {
			if string(r.Key) == agencies[0] {
				continue
			}
			for _, text := range []string{string(r.Key), string(r.Value), r.Header("ce_id"), r.Header("ce_chainprev"), r.Header("ce_actor")} {
				found := strings.Contains(bundle, text) || strings.Contains(bundle, base64.StdEncoding.EncodeToString([]byte(text)))
				require.False(t, found, "%s", text)
			}
		}
	}
}

func TestTamperedBundles(t *testing.T) {
	t.Parallel()
	w := busy(t, 11)
	bundle := w.export(t, agencies[0])
	l := strings.SplitAfter(strings.TrimSuffix(string(bundle), "\n"), "\n")
	require.Len(t, l, 13)
	// edit rewrites a line with other members: a record's headers, its leaf, its proof.
	edit := func(line string, change func(map[string]any)) string {
		var v map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &v))
		v["headers"] = json.RawMessage(line[strings.Index(line, "["):strings.Index(line, `,"value":"eyJ`)]) // in its order
		change(v)
		var parts []string
		for _, name := range []string{"version", "headers", "value", "leaf", "proof"} {
			raw, err := json.Marshal(v[name])
			require.NoError(t, err)
			parts = append(parts, `"`+name+`":`+string(raw))
		}
		return "{" + strings.Join(parts, ",") + "}\n"
	}
	actor := func(v map[string]any) {
		var headers []struct {
			Name  string `json:"name"`
			Value []byte `json:"value"`
		}
		require.NoError(t, json.Unmarshal(v["headers"].(json.RawMessage), &headers))
		headers[0].Value = []byte("x") // ce_actor
		v["headers"] = headers
	}
	place := func(leaf int) func(map[string]any) { return func(v map[string]any) { v["leaf"] = leaf } }
	needless := func(v map[string]any) { v["leaf"], v["proof"] = 3, []string{} }
	noPlace := func(v map[string]any) { v["leaf"], v["proof"] = nil, nil }
	// with returns the bundle with other lines instead of lines [from, to).
	replaceLines := func(from, to int, instead ...string) []byte {
		return []byte(strings.TrimSuffix(strings.Join(slices.Concat(l[:from], instead, l[to:]), ""), "\n") + "\n")
	}
	first := func(from, to string) []byte { return replaceLines(0, 1, strings.Replace(l[0], from, to, 1)) }
	for name, c := range map[string]struct {
		bundle  []byte
		version int64
		words   string
	}{
		"altered":            {replaceLines(4, 5, edit(l[4], actor)), 4, "not the one that was signed"},
		"altered, uncovered": {replaceLines(10, 11, edit(l[10], actor)), 11, "names a predecessor"},
		"removed":            {replaceLines(4, 5), 4, "are missing"},
		"reordered":          {replaceLines(4, 6, l[5], l[4]), 4, "are missing"},
		"twice":              {replaceLines(5, 5, l[4]), 5, "is not the next one"},
		"records removed":    {replaceLines(7, len(l), `{"records":6}`), 7, "ends at version 6"},
		"file truncated":     {replaceLines(7, len(l)), 0, "truncated"},
		"cut within a line":  {bundle[:len(bundle)-5], 0, "ends within"},
		"nothing":            {nil, 0, "empty"},
		"trailing data":      {replaceLines(len(l), len(l), "\n{}"), 0, "follows the last line"},
		"proof of another":   {replaceLines(4, 5, edit(l[4], place(0))), 4, "no valid place"},
		"no proof":           {replaceLines(4, 5, edit(l[4], noPlace)), 4, "no valid place"},
		"proof too many":     {replaceLines(10, 11, edit(l[10], needless)), 10, "claims to be"},
		"spaces":             {first(`,"topic"`, `, "topic"`), 0, "bytes were changed"},
		"older head": {
			[]byte(strings.Replace(string(replaceLines(9, len(l), `{"records":8}`)), `"head":{"version":9`, `"head":{"version":8`, 1)),
			8, "later records were removed",
		},
		"another key":        {first(agencies[0], agencies[1]), 1, "predecessor"},
		"another public key": {first(`"public_key":"`, `"public_key":"x`), 0, "it names the public key"},
		"of another signer":  {busy(t, 3).export(t, agencies[0]), 0, "not a valid checkpoint"},
		"another origin":     {first("ledgerboard/dashboards", "ledgerboard/metrics"), 0, "not a valid checkpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report := check(t, w, c.bundle)
			require.Len(t, report.Findings, 1)
			f := report.Findings[0]
			require.Equal(t, c.version, f.Version, f.String())
			require.Contains(t, f.Detail, c.words)
		})
	}
}

// No byte of a bundle can be changed, removed or added without a finding.
func TestEveryByteOfABundleCounts(t *testing.T) {
	t.Parallel()
	w := busy(t, 3)
	bundle := w.export(t, agencies[0])
	require.True(t, check(t, w, bundle).OK())
	r := rand.New(rand.NewSource(1))
	for i := range bundle {
		changed := bytes.Clone(bundle)
		changed[i] ^= byte(1 + r.Intn(255))
		require.False(t, check(t, w, changed).OK(), "byte %d: %q became %q", i, bundle[i], changed[i])
		if i%7 == 0 {
			require.False(t, check(t, w, append(bytes.Clone(bundle[:i]), bundle[i+1:]...)).OK(), "byte %d removed", i)
			require.False(t, check(t, w, bytes.Join([][]byte{bundle[:i], {'x'}, bundle[i:]}, nil)).OK(), "byte %d added", i)
		}
	}
}

func FuzzVerifyBundle(f *testing.F) {
	w := busy(f, 3)
	good := w.export(f, agencies[0])
	f.Add(good)
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, bundle []byte) {
		report, err := proof.VerifyBundle(bytes.NewReader(bundle), w.verifiers)
		require.NoError(t, err, "a reader that does not fail")
		if report.OK() {
			require.Equal(t, string(good), string(bundle), "a modified bundle was accepted")
		}
	})
}

func FuzzCheckpoint(f *testing.F) {
	w := busy(f, 3)
	c := proof.Checkpoint{Time: noon, Partitions: []proof.Covered{{Next: 1, Records: 1}, {}, {Next: 3, Records: 2}}}
	f.Add(c.Text())
	signed, err := c.Sign(w.key)
	require.NoError(f, err)
	f.Add(string(signed))
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := proof.ParseCheckpoint(text); err == nil {
			require.Equal(t, text, c.Text())
		}
		if _, err := proof.OpenCheckpoint([]byte(text), w.verifiers); err == nil {
			require.Equal(t, string(signed), text, "a modified note was accepted")
		}
	})
}

// scannedFrom notes where scans of `operations` begin.
type scannedFrom struct {
	proof.Source

	offsets []int64
}

func (s *scannedFrom) Scan(ctx context.Context, c eventlog.ScanConfig) error {
	for _, offset := range c.From {
		s.offsets = append(s.offsets, offset)
	}
	return s.Source.Scan(ctx, c)
}

// A page of checkpoints verifies only those that follow the ones of earlier pages, unless one was
// not valid: its key may be added later.
func TestCheckpointsAreVerifiedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.change(t, agencies[0])
	signer := w.signer(t)
	w.sign(t, signer)
	source := &scannedFrom{Source: w}
	verifiers := note.VerifierList()
	p := proof.NewProver(source, func() (note.Verifiers, error) { return verifiers, nil })
	listed := func(want int) {
		list, err := p.Checkpoints(t.Context())
		require.NoError(t, err)
		require.Len(t, list, want)
	}
	listed(0)
	verifiers = w.verifiers
	listed(1)
	w.change(t, agencies[0])
	w.sign(t, signer)
	listed(2)
	listed(2)
	require.Equal(t, []int64{0, 0, 1, 2}, source.offsets)
}

// Errors of a prover are for people; the signer may publish its key after the prover started.
func TestProver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.change(t, agencies[0])
	_, err := proof.NewProver(w, nil).Checkpoints(t.Context())
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
	var verifiers note.Verifiers
	p := proof.NewProver(w, func() (note.Verifiers, error) { return verifiers, nil })
	bundle := func() (proof.Exported, string, error) {
		var out bytes.Buffer
		done, err := p.Bundle(t.Context(), agencies[0], &out)
		return done, out.String(), err
	}
	_, _, err = bundle()
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
	verifiers = w.verifiers
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
	setHeader(&w.Topics[domain.TopicDashboards][at][i], "ce_actor", "x")
	_, text, err = bundle()
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err))
	require.ErrorIs(t, err, proof.ErrContradiction)
	require.Empty(t, text)
}
