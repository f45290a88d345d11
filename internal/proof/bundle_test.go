package proof_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

func (w *world) export(t testing.TB, agency string) []byte {
	t.Helper()
	var out bytes.Buffer
	_, err := proof.Export(t.Context(), proof.ExportConfig{Source: w, Parent: agency, Known: w.known(t)}, &out)
	require.NoError(t, err)
	return out.Bytes()
}

func check(t testing.TB, w *world, bundle []byte) proof.BundleReport {
	t.Helper()
	report, err := proof.VerifyBundle(bytes.NewReader(bundle), w.known(t))
	require.NoError(t, err)
	return report
}

func TestBundleRoundTrip(t *testing.T) {
	t.Parallel()
	w := busy(t, 10) // the last round is not covered yet
	for _, a := range agencies {
		var out bytes.Buffer
		done, err := proof.Export(t.Context(), proof.ExportConfig{Source: w, Parent: a, Known: w.known(t)}, &out)
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
		_, err := proof.Export(t.Context(), proof.ExportConfig{Source: w, Parent: a, Known: w.known(t)}, &bytes.Buffer{})
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

// Nothing of another agency is in a bundle: no id, no byte of a record, no hash of a record of its chain.
func TestBundleHoldsNothingOfOthers(t *testing.T) {
	t.Parallel()
	w := busy(t, 9)
	bundle := string(w.export(t, agencies[0]))
	for _, parts := range w.topics[domain.TopicDashboards] {
		for _, r := range parts {
			if string(r.Key) == agencies[0] {
				continue
			}
			for _, text := range []string{string(r.Key), string(r.Value), r.Header("ce_id"), r.Header("ce_chainprev"), r.Header("ce_actor")} {
				held := strings.Contains(bundle, text) || strings.Contains(bundle, base64.StdEncoding.EncodeToString([]byte(text)))
				require.False(t, held, "%s", text)
			}
		}
	}
}

// lines takes a bundle apart.
func lines(bundle []byte) []string {
	return strings.SplitAfter(strings.TrimSuffix(string(bundle), "\n"), "\n")
}

func join(lines ...string) []byte {
	text := strings.Join(lines, "")
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return []byte(text)
}

func TestTamperedBundles(t *testing.T) {
	t.Parallel()
	w := busy(t, 11)
	bundle := w.export(t, agencies[0])
	l := lines(bundle)
	require.Len(t, l, 13)
	// edit writes a line again with other members: a record's headers, its place among the leaves,
	// its proof.
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
	place := func(leaf, proof any) func(map[string]any) {
		return func(v map[string]any) {
			v["leaf"] = leaf
			if proof != nil || leaf == nil {
				v["proof"] = proof
			}
		}
	}
	// with is the bundle with other lines instead of those from one to before another.
	with := func(from, to int, instead ...string) []byte { return join(slices.Concat(l[:from], instead, l[to:])...) }
	first := func(from, to string) []byte { return with(0, 1, strings.Replace(l[0], from, to, 1)) }
	for name, c := range map[string]struct {
		bundle  []byte
		version int64
		words   string
	}{
		"altered":            {with(4, 5, edit(l[4], actor)), 4, "not the record that was signed"},
		"altered, uncovered": {with(10, 11, edit(l[10], actor)), 11, "names a predecessor"},
		"removed":            {with(4, 5), 4, "are missing"},
		"reordered":          {with(4, 6, l[5], l[4]), 4, "are missing"},
		"twice":              {with(5, 5, l[4]), 5, "does not come next"},
		"end cut off":        {with(7, len(l), `{"records":6}`), 7, "ends at version 6"},
		"file cut off":       {with(7, len(l)), 0, "cut off"},
		"cut within a line":  {bundle[:len(bundle)-5], 0, "ends within"},
		"nothing":            {nil, 0, "empty"},
		"something more":     {with(len(l), len(l), "\n{}"), 0, "follows the end"},
		"proof of another":   {with(4, 5, edit(l[4], place(0, nil))), 4, "no place"},
		"no proof":           {with(4, 5, edit(l[4], place(nil, nil))), 4, "no place"},
		"proof too many":     {with(10, 11, edit(l[10], place(3, []string{}))), 10, "claims to be"},
		"spaces":             {first(`,"topic"`, `, "topic"`), 0, "bytes were changed"},
		"older head": {
			join(append([]string{strings.Replace(l[0], `"head":{"version":9`, `"head":{"version":8`, 1)}, append(l[1:9:9], `{"records":8}`)...)...),
			8, "later ones were cut off",
		},
		"another key":        {first(agencies[0], agencies[1]), 1, "predecessor"},
		"another public key": {first(`"public_key":"`, `"public_key":"x`), 0, "it names the public key"},
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

// A bundle that another key signed proves nothing.
func TestBundleOfAnotherKey(t *testing.T) {
	t.Parallel()
	w := busy(t, 3)
	report, err := proof.VerifyBundle(bytes.NewReader(w.export(t, agencies[0])), newWorld(t).known(t))
	require.NoError(t, err)
	require.Contains(t, report.Findings[0].Detail, "not a valid checkpoint")
}

// No byte of a bundle can be changed, removed or added without being seen: what a bundle holds is
// covered by a hash, and it can be written in one way only. (A record after the checkpoint is covered by
// its successor alone, and is reported as not covered.)
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
	f.Add(w.export(f, agencies[0]))
	f.Add([]byte("{}\n"))
	good := w.export(f, agencies[0])
	known := w.known(f)
	f.Fuzz(func(t *testing.T, bundle []byte) {
		report, err := proof.VerifyBundle(bytes.NewReader(bundle), known)
		require.NoError(t, err, "a reader that does not fail")
		if report.OK() {
			require.Equal(t, string(good), string(bundle), "another bundle was taken for proved")
		}
	})
}

func FuzzCheckpoint(f *testing.F) {
	w := busy(f, 3)
	c := proof.Checkpoint{Time: noon, Partitions: []proof.Covered{{Next: 1, Records: 1}, {}, {Next: 3, Records: 2}}}
	f.Add(c.Text())
	key, err := note.NewSigner(w.signing)
	require.NoError(f, err)
	signed, err := c.Sign(key)
	require.NoError(f, err)
	f.Add(string(signed))
	known := w.known(f)
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := proof.ParseCheckpoint(text); err == nil {
			require.Equal(t, text, c.Text())
		}
		if _, err := proof.OpenCheckpoint([]byte(text), known); err == nil {
			require.Equal(t, string(signed), text, "a note was taken for signed")
		}
	})
}
