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
	report, err := proof.VerifyBundle(bytes.NewReader(bundle), w.verifiers, proof.Kept{})
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
		require.Equal(t, []int64{10, 9, 10, 9, 1},
			[]int64{done.Records, done.Covered, report.Records, report.Covered, report.NotCovered})
		require.Contains(t, report.Proven(), "Its versions 1 to 9 are the ones that were signed. "+
			"Versions 10 to 10 lie after it: they are chained but not signed.")
	}
}

func TestExportRefusesUncoveredRecords(t *testing.T) {
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

// A bundle leads to any checkpoint in the log, so that an auditor can compare it with one that was
// kept. Evidence that says nothing about a bundle is an error, not a success.
func TestBundleIsComparedWithStoredCheckpoint(t *testing.T) {
	t.Parallel()
	w := busy(t, 10)
	notes := w.kept(t, strings.Join(w.notes(t)[:2], "\n"))
	leadingTo := func(w *world, checkpoint string) (bundle []byte, err error) {
		var out bytes.Buffer
		_, err = proof.Export(t.Context(), proof.ExportConfig{
			Source: w, Parent: agencies[0], Verifiers: w.verifiers, Checkpoint: checkpoint,
		}, &out)
		return out.Bytes(), err
	}
	compare := func(bundle []byte, kept proof.Kept) (proof.BundleReport, error) {
		return proof.VerifyBundle(bytes.NewReader(bundle), w.verifiers, kept)
	}
	bundle, err := leadingTo(w, notes.Checkpoint())
	require.NoError(t, err)
	report, err := compare(bundle, notes)
	require.NoError(t, err)
	require.True(t, report.OK(), "%v", report.Findings)
	require.Equal(t, []int64{10, 6, 4}, []int64{report.Records, report.Covered, report.NotCovered})
	_, err = leadingTo(w, strings.Repeat("0", 64))
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))

	newest := w.export(t, agencies[0])
	_, err = compare(newest, notes)
	require.ErrorIs(t, err, proof.ErrNotComparable, "it leads to a checkpoint that was not kept")
	_, err = compare(newest, w.kept(t, string(w.export(t, agencies[1]))))
	require.ErrorIs(t, err, proof.ErrNotComparable, "it is of another agency")
	_, err = compare(newest, w.kept(t, w.notes(t)[0][:40]))
	require.ErrorIs(t, err, proof.ErrNotComparable, "it is no checkpoint")
	report, err = compare(newest, w.kept(t, string(newest)))
	require.NoError(t, err)
	require.True(t, report.OK(), "%v", report.Findings)

	finding := func(bundle []byte, kept proof.Kept) string {
		report, err := compare(bundle, kept)
		require.NoError(t, err)
		require.Len(t, report.Findings, 1)
		return report.Findings[0].String()
	}
	other := w.other(t, 10)
	bundle, err = leadingTo(other, other.kept(t, other.notes(t)[1]).Checkpoint())
	require.NoError(t, err)
	require.Contains(t, finding(bundle, notes), "there are two histories")
	require.Contains(t, finding(bundle, w.kept(t, string(newest))), "version 10: the kept bundle has another record in this place")
	require.Contains(t, finding(bundle, w.kept(t, strings.Replace(string(newest), `"version":3,`, `"version":4,`, 1))), "the kept bundle is not valid")
	w.cut(agencies[0], 8)
	bundle, err = leadingTo(w, notes.Checkpoint())
	require.NoError(t, err)
	require.Contains(t, finding(bundle, w.kept(t, string(newest))), "versions up to 10: records were removed")
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

func TestTamperedBundlesAreRefused(t *testing.T) {
	t.Parallel()
	w := busy(t, 11)
	bundle := w.export(t, agencies[0])
	l := strings.SplitAfter(strings.TrimSuffix(string(bundle), "\n"), "\n")
	require.Len(t, l, 14) // the path is line 10, after the last covered record
	// edit rewrites a line with other members: a record's headers, the path's leaf or proof.
	edit := func(line string, names []string, change func(map[string]any)) string {
		var v map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &v))
		if from := strings.Index(line, "["); names[0] == "version" {
			v["headers"] = json.RawMessage(line[from:strings.Index(line, `,"value":"eyJ`)]) // in its order
		}
		change(v)
		var parts []string
		for _, name := range names {
			raw, err := json.Marshal(v[name])
			require.NoError(t, err)
			parts = append(parts, `"`+name+`":`+string(raw))
		}
		return "{" + strings.Join(parts, ",") + "}\n"
	}
	record, path := []string{"version", "headers", "value"}, []string{"signed", "leaf", "proof"}
	actor := func(v map[string]any) {
		var headers []struct {
			Name  string `json:"name"`
			Value []byte `json:"value"`
		}
		require.NoError(t, json.Unmarshal(v["headers"].(json.RawMessage), &headers))
		headers[0].Value = []byte("x") // ce_actor
		v["headers"] = headers
	}
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
		"altered":           {replaceLines(4, 5, edit(l[4], record, actor)), 5, "names a predecessor"},
		"altered head":      {replaceLines(9, 10, edit(l[9], record, actor)), 10, "not the agency's head that was signed"},
		"altered, newer":    {replaceLines(11, 12, edit(l[11], record, actor)), 11, "names a predecessor"},
		"removed":           {replaceLines(4, 5), 4, "are missing"},
		"reordered":         {replaceLines(4, 6, l[5], l[4]), 4, "are missing"},
		"twice":             {replaceLines(5, 5, l[4]), 5, "is not the next one"},
		"records removed":   {replaceLines(7, len(l), `{"records":6}`), 7, "no path to its checkpoint"},
		"signed removed":    {replaceLines(9, 10), 9, "is that of version 9: records before it were removed or added"},
		"file truncated":    {replaceLines(7, len(l)), 0, "truncated"},
		"cut within a line": {bundle[:len(bundle)-5], 0, "ends within"},
		"nothing":           {nil, 0, "empty"},
		"compressed":        {[]byte("\x1f\x8b\x08\x00\x00\n"), 0, "decompress it"},
		"byte order mark":   {append([]byte("\ufeff"), bundle...), 0, "an editor saved the file"},
		"in UTF-16":         {[]byte("\xff\xfe{\x00"), 0, "an editor saved the file"},
		"CRLF":              {bytes.ReplaceAll(bundle, []byte("\n"), []byte("\r\n")), 0, "line breaks were changed"},
		"trailing data":     {replaceLines(len(l), len(l), "\n{}"), 0, "follows the last line"},
		"path of another":   {replaceLines(10, 11, edit(l[10], path, func(v map[string]any) { v["leaf"] = 1 })), 10, "not the agency's head"},
		"no leaf":           {replaceLines(10, 11, edit(l[10], path, func(v map[string]any) { v["leaf"] = -1 })), 10, "not the agency's head"},
		"no proof":          {replaceLines(10, 11, edit(l[10], path, func(v map[string]any) { v["proof"] = []string{} })), 10, "not the agency's head"},
		"two paths":         {replaceLines(11, 11, l[10]), 0, "bytes were changed"},
		"path first":        {replaceLines(1, 1, `{"signed":0,"leaf":0,"proof":[]}`+"\n"), 1, "path to the checkpoint is that of version 0"},
		"spaces":            {first(`,"topic"`, `, "topic"`), 0, "bytes were changed"},
		"older head": {
			[]byte(strings.Join(l[:9], "") + edit(l[10], path, func(v map[string]any) { v["signed"] = 8 }) + `{"records":8}` + "\n"),
			9, "later records were removed",
		},
		"another key":        {first(agencies[0], agencies[1]), 1, "predecessor"},
		"another public key": {first(`"public_key":"`, `"public_key":"x`), 0, "it names the public key"},
		"of another signer":  {busy(t, 3).export(t, agencies[0]), 0, "not a valid checkpoint"},
		"another format":     {first("ledgerboard.proof.v2", "ledgerboard.proof.v1"), 0, "unsupported format"},
		"another checkpoint": {first(`\ntime `, `\ntime  `), 0, "not a valid checkpoint"},
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
func TestEveryChangedByteOfBundleIsDetected(t *testing.T) {
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
		report, err := proof.VerifyBundle(bytes.NewReader(bundle), w.verifiers, proof.Kept{})
		require.NoError(t, err, "a reader that does not fail")
		if report.OK() {
			require.Equal(t, string(good), string(bundle), "a modified bundle was accepted")
		}
	})
}

func FuzzParseCheckpoint(f *testing.F) {
	w := busy(f, 3)
	c := proof.Checkpoint{Time: noon, Partitions: []proof.Covered{{Records: 1, Agencies: 1}, {}, {Records: 2}}}
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
func TestProverErrorsAndLateKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.change(t, agencies[0])
	_, err := proof.NewProver(w, nil).Checkpoints(t.Context())
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
	var verifiers note.Verifiers
	p := proof.NewProver(w, func() (note.Verifiers, error) { return verifiers, nil })
	bundle := func() (proof.Exported, string, error) {
		var out bytes.Buffer
		done, err := p.Bundle(t.Context(), agencies[0], "", &out)
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
	_, _, err = bundle()
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err))
	require.ErrorIs(t, err, proof.ErrContradiction)
}
