package api_test

import (
	"context"
	"fmt"
	"io"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// auditFake answers what the auditors' routes ask; it notes the questions, the records and their order.
type auditFake struct {
	mu      sync.Mutex
	log     []string
	queries []any
	reads   []domain.AuditRead
	exports []domain.AuditExported
	callers []commands.Caller
	refuse  error
	err     error
	entries []readmodels.HistoryEntry
	meta    readmodels.HistoryMeta
	spans   []readmodels.AccessSpan
	sent    error // what ends an export
}

func (f *auditFake) ask(query any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queries = append(f.queries, query)
	return f.err
}

func (f *auditFake) Entries(_ context.Context, q readmodels.HistoryQuery) ([]readmodels.HistoryEntry, readmodels.EntriesMeta, error) {
	return f.entries, readmodels.EntriesMeta{HistoryMeta: f.meta}, f.ask(q)
}

func (f *auditFake) State(_ context.Context, q readmodels.StateQuery) (readmodels.StateAnswer, readmodels.HistoryMeta, error) {
	return readmodels.StateAnswer{}, f.meta, f.ask(q)
}

func (f *auditFake) Diff(_ context.Context, q readmodels.DiffQuery) (readmodels.DiffAnswer, readmodels.HistoryMeta, error) {
	return readmodels.DiffAnswer{}, f.meta, f.ask(q)
}

func (f *auditFake) Diffs(_ context.Context, q readmodels.DiffsQuery) ([]readmodels.DiffAnswer, readmodels.HistoryMeta, error) {
	return []readmodels.DiffAnswer{}, f.meta, f.ask(q)
}

func (f *auditFake) Access(_ context.Context, q readmodels.AccessQuery) (readmodels.AccessAnswer, readmodels.HistoryMeta, error) {
	return readmodels.AccessAnswer{}, f.meta, f.ask(q)
}

func (f *auditFake) Reads(_ context.Context, q readmodels.AuditReadsQuery) ([]readmodels.AuditReadEntry, string, error) {
	return []readmodels.AuditReadEntry{}, "1.2.3", f.ask(q)
}

func (f *auditFake) Export(
	ctx context.Context, q readmodels.HistoryQuery,
) (readmodels.HistoryMeta, iter.Seq2[readmodels.HistoryEntry, error], error) {
	return f.meta, func(yield func(readmodels.HistoryEntry, error) bool) {
		for _, e := range f.entries {
			f.note("entry")
			if ctx.Err() != nil {
				yield(readmodels.HistoryEntry{}, ctx.Err())
				return
			}
			if !yield(e, nil) {
				return
			}
		}
		if f.sent != nil {
			yield(readmodels.HistoryEntry{}, f.sent)
		}
	}, f.ask(q)
}

func (f *auditFake) Spans(_ context.Context, q readmodels.SpansQuery) ([]readmodels.AccessSpan, readmodels.SpansMeta, error) {
	return f.spans, readmodels.SpansMeta{HistoryMeta: f.meta}, f.ask(q)
}

func (f *auditFake) ExportSpans(
	_ context.Context, q readmodels.SpansQuery,
) (readmodels.SpansMeta, iter.Seq2[readmodels.AccessSpan, error], error) {
	return readmodels.SpansMeta{HistoryMeta: f.meta}, func(yield func(readmodels.AccessSpan, error) bool) {
		for _, span := range f.spans {
			f.note("entry")
			if !yield(span, nil) {
				return
			}
		}
		if f.sent != nil {
			yield(readmodels.AccessSpan{}, f.sent)
		}
	}, f.ask(q)
}

func (f *auditFake) RecordRead(_ context.Context, c commands.Caller, read domain.AuditRead) error {
	f.note("recorded")
	f.mu.Lock()
	defer f.mu.Unlock()
	f.callers, f.reads = append(f.callers, c), append(f.reads, read)
	return f.refuse
}

func (f *auditFake) RecordExport(_ context.Context, c commands.Caller, export domain.AuditExported) error {
	f.note("recorded")
	f.mu.Lock()
	defer f.mu.Unlock()
	f.callers, f.exports = append(f.callers, c), append(f.exports, export)
	return f.refuse
}

func (f *auditFake) note(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, what)
}

// fakeProver has two checkpoints, and bundles that name their agency.
type fakeProver struct{ err error }

func (f fakeProver) Checkpoints(context.Context) ([]proof.Published, error) {
	first := proof.Checkpoint{Time: time.Unix(7, 0), Partitions: []proof.Covered{{Next: 4, Records: 3}}}
	second := proof.Checkpoint{Time: time.Unix(8, 0), Partitions: []proof.Covered{{Next: 9, Records: 9}}}
	return []proof.Published{{Checkpoint: first, Note: "first"}, {Checkpoint: second, Note: "second"}}, f.err
}

func (f fakeProver) Bundle(_ context.Context, parent string, out io.Writer) (proof.Exported, error) {
	fmt.Fprintln(out, "bundle of", parent)
	return proof.Exported{Agency: parent, Records: 12}, f.err
}

func setupAudit(t *testing.T, change ...func(*api.Deps)) (*bundle, *auditFake) {
	t.Helper()
	f := &auditFake{meta: readmodels.HistoryMeta{AsOf: readmodels.StreamPosition{Version: 41}}}
	return setup(t, append([]func(*api.Deps){func(d *api.Deps) {
		d.Audit = &api.AuditDeps{History: f, Records: f, Proofs: fakeProver{}}
	}}, change...)...), f
}

func (b *bundle) auditorToken() string { return b.token(agency, "auditor") }
