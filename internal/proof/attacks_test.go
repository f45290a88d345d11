package proof_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// dashboards are the records of a partition, with a place of an agency's version in it.
func (w *world) dashboards(agency string, version int) (records *[]eventlog.Record, at int) {
	p, at := w.find(agency, version)
	return &w.Topics[domain.TopicDashboards][p], at
}

// cut removes an agency's records from a version on.
func (w *world) cut(agency string, version int) {
	records, at := w.dashboards(agency, version)
	later := slices.DeleteFunc(slices.Clone((*records)[at:]), func(r eventlog.Record) bool { return string(r.Key) == agency })
	*records = append((*records)[:at], later...)
	w.renumber()
}

// remove removes an agency's version.
func (w *world) remove(agency string, version int) {
	records, at := w.dashboards(agency, version)
	*records = slices.Delete(*records, at, at+1)
	w.renumber()
}

// insert adds an agency's version once more, with another actor, before the first.
func (w *world) insert(agency string, version int) {
	records, at := w.dashboards(agency, version)
	forged := (*records)[at]
	setHeader(&forged, "ce_actor", "forger")
	*records = slices.Insert(*records, at, forged)
	w.renumber()
}

// rewrite changes the actor of an agency's version, and chains the records after it again.
func (w *world) rewrite(agency string, version int) {
	records, at := w.dashboards(agency, version)
	setHeader(&(*records)[at], "ce_actor", "forger")
	head := domain.StreamHead{}
	for i := range *records {
		if r := &(*records)[i]; string(r.Key) == agency && !bytes.Contains(r.Value, []byte("loser")) {
			setHeader(r, "ce_chainprev", fmt.Sprintf("%x", prevOf(agency, head)))
			_, head, _ = eventlog.Judge(head, *r, testPartitions)
		}
	}
}

// swap exchanges the places of two versions of agencies of one partition.
func (w *world) swap(a string, version int, b string, other int) {
	records, i := w.dashboards(a, version)
	_, j := w.dashboards(b, other)
	(*records)[i], (*records)[j] = (*records)[j], (*records)[i]
	w.renumber()
}

// withhold removes the newest checkpoints; all but some.
func (w *world) withhold(left int) {
	for p, records := range w.Topics[domain.TopicOperations] {
		w.Topics[domain.TopicOperations][p] = records[:min(left, len(records))]
	}
}

// other makes the same history with other actors, signed with the same key.
func (w *world) other(t *testing.T, rounds int) *world {
	t.Helper()
	o := newWorld(t)
	o.key, o.verifiers, o.actor = w.key, w.verifiers, "b-"
	o.live(t, rounds)
	return o
}

// become replaces the log.
func (w *world) become(o *world) { w.Topics, w.heads = o.Topics, o.heads }

// attacks change a log of ten versions of each agency; the newest checkpoint covers nine.
var attacks = map[string]func(t *testing.T, w *world){
	"None": func(*testing.T, *world) {},
	"Alter a record": func(_ *testing.T, w *world) {
		records, at := w.dashboards(agencies[0], 5)
		setHeader(&(*records)[at], "ce_actor", "forger")
	},
	"Insert a record": func(_ *testing.T, w *world) { w.insert(agencies[0], 5) },
	"Remove a record": func(_ *testing.T, w *world) { w.remove(agencies[0], 5) },
	"Remove the last records of an agency that a checkpoint covers": func(_ *testing.T, w *world) { w.cut(agencies[0], 9) },
	"Remove the last records of an agency after the newest checkpoint": func(_ *testing.T, w *world) {
		w.cut(agencies[0], 10)
	},
	"Remove an agency":                 func(_ *testing.T, w *world) { w.cut(agencies[0], 1) },
	"Reorder the records of an agency": func(_ *testing.T, w *world) { w.swap(agencies[0], 5, agencies[0], 6) },
	"Reorder records of different agencies across a checkpoint": func(_ *testing.T, w *world) {
		w.swap(agencies[0], 6, agencies[1], 7)
		w.swap(agencies[0], 7, agencies[0], 6) // each stream in its order
		w.swap(agencies[1], 6, agencies[1], 7)
	},
	"Reorder records of different agencies between two checkpoints": func(_ *testing.T, w *world) {
		w.swap(agencies[0], 5, agencies[1], 5)
	},
	"Rewrite an agency's history": func(_ *testing.T, w *world) { w.rewrite(agencies[0], 5) },
	"Rewrite an agency's history, and sign it with another key": func(t *testing.T, w *world) {
		w.rewrite(agencies[0], 5)
		w.withhold(0)
		forger := newWorld(t)
		forger.memory = w.memory
		forger.sign(t, forger.signer(t))
	},
	"Rewrite everything, and sign it with the stolen key": func(t *testing.T, w *world) { w.become(w.other(t, 10)) },
	"Sign two histories with the key, and show one to each auditor": func(t *testing.T, w *world) {
		w.become(w.other(t, 12))
	},
	"Sign two histories with the key in one log": func(t *testing.T, w *world) {
		w.lay(t, "other", w.other(t, 6).notes(t)[1])
	},
	"Forge a checkpoint without the key": func(t *testing.T, w *world) {
		truth, err := proof.OpenCheckpoint([]byte(w.notes(t)[0]), w.verifiers)
		require.NoError(t, err)
		forged, err := truth.Sign(newWorld(t).key)
		require.NoError(t, err)
		w.lay(t, "forged", string(forged))
	},
	"Withhold all checkpoints":        func(_ *testing.T, w *world) { w.withhold(0) },
	"Withhold the newest checkpoints": func(_ *testing.T, w *world) { w.withhold(1) },
	"Withhold the newest checkpoints, and alter what they cover": func(_ *testing.T, w *world) {
		w.withhold(1)
		w.rewrite(agencies[0], 5)
	},
	"Roll back the log with its checkpoints": func(t *testing.T, w *world) {
		earlier := newWorld(t)
		earlier.key, earlier.verifiers = w.key, w.verifiers
		earlier.live(t, 7)
		w.become(earlier)
	},
	"Two processes sign at the same time": func(t *testing.T, w *world) {
		second := w.signer(t)
		w.sign(t, w.signer(t, func(c *proof.SignerConfig) {
			c.Append = func(ctx context.Context, d domain.Draft) error {
				w.sign(t, second) // in the meantime
				return w.Append(ctx, d)
			}
		}))
	},
	"Copy the log to other topics": func(_ *testing.T, w *world) { w.copyElsewhere() },
}

// Each row of the table of attacks in docs/auditors.md is tried, and each cell is what happens.
func TestDocumentedAttacksAreDetected(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../docs/auditors.md")
	require.NoError(t, err)
	var rows []string
	for line := range strings.Lines(string(doc)) {
		cells := strings.Split(strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(line), "| "), " |"), " | ")
		attack, tried := attacks[cells[0]]
		if len(cells) != 5 || !tried {
			continue
		}
		rows = append(rows, cells[0])
		t.Run(cells[0], func(t *testing.T) {
			t.Parallel()
			w := busy(t, 10)
			notes, bundle := w.kept(t, strings.Join(w.notes(t), "\n")), w.kept(t, string(w.export(t, agencies[0])))
			attack(t, w)
			keep := func(kept proof.Kept) func(c *proof.VerifyConfig) {
				return func(c *proof.VerifyConfig) { c.Kept = kept }
			}
			says := map[bool]string{true: "finding", false: "no finding"}
			found := func(change ...func(c *proof.VerifyConfig)) string { return says[!w.verify(t, change...).OK()] }
			require.Equal(t, cells[1], found(), "verify --all")
			require.Equal(t, cells[2], w.bundleSays(t, proof.Kept{}), "export and verify a bundle")
			require.Equal(t, cells[3], says[found(keep(notes)) == says[true] || found(keep(bundle)) == says[true]], "verify --all --kept")
			if cells[3] == says[false] { // a kept bundle and a new one are compared in the same way
				require.NotEqual(t, says[true], w.bundleSays(t, bundle))
			}
			w.change(t, agencies[2])
			_, _, err := w.signer(t).Sign(t.Context())
			if err != nil {
				require.ErrorIs(t, err, proof.ErrContradiction)
			}
			require.Equal(t, cells[4], map[bool]string{true: "signs", false: "refuses"}[err == nil], "a signer that starts")
		})
	}
	require.Len(t, rows, len(attacks), "every attack is in the table, once")
}

// bundleSays returns what a new bundle of the first agency shows.
func (w *world) bundleSays(t *testing.T, kept proof.Kept) string {
	t.Helper()
	var out bytes.Buffer
	_, err := proof.Export(t.Context(), proof.ExportConfig{Source: w, Parent: agencies[0], Verifiers: w.verifiers}, &out)
	switch {
	case errors.Is(err, proof.ErrContradiction), errors.Is(err, proof.ErrNotCovered), domain.CodeOf(err) == domain.CodeNotFound:
		return "not exported"
	case err != nil:
		require.NoError(t, err)
	}
	report, err := proof.VerifyBundle(&out, w.verifiers, kept)
	require.NoError(t, err)
	if report.OK() {
		return "no finding"
	}
	return "finding"
}
