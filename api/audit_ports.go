package api

import (
	"context"
	"iter"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// AuditDeps is what the auditors' routes stand on.
type AuditDeps struct {
	History HistoryReader
	Records AuditRecorder
	Proofs  Prover

	// MaxExport is the number of entries after which an export ends and says so; default 1,000,000.
	MaxExport int
}

// HistoryReader answers auditors; *readmodels.History implements it. A dashboard that has no history in
// the agency gives [domain.ErrDashboardNotFound], whosever it is.
type HistoryReader interface {
	Entries(ctx context.Context, q readmodels.HistoryQuery) ([]readmodels.HistoryEntry, readmodels.EntriesMeta, error)
	State(ctx context.Context, q readmodels.StateQuery) (readmodels.StateAnswer, readmodels.HistoryMeta, error)
	Diff(ctx context.Context, q readmodels.DiffQuery) (readmodels.DiffAnswer, readmodels.HistoryMeta, error)
	// Diffs tells what lies between two moments of all dashboards of an agency that were changed.
	Diffs(ctx context.Context, q readmodels.DiffsQuery) ([]readmodels.DiffAnswer, readmodels.HistoryMeta, error)
	Access(ctx context.Context, q readmodels.AccessQuery) (readmodels.AccessAnswer, readmodels.HistoryMeta, error)
	// Spans tells who had access to any dashboard of an agency; ExportSpans the whole of it, in constant memory.
	Spans(ctx context.Context, q readmodels.SpansQuery) ([]readmodels.AccessSpan, readmodels.SpansMeta, error)
	ExportSpans(ctx context.Context, q readmodels.SpansQuery) (readmodels.SpansMeta, iter.Seq2[readmodels.AccessSpan, error], error)
	// Export gives the whole history in the order of the stream, in constant memory.
	Export(ctx context.Context, q readmodels.HistoryQuery) (readmodels.HistoryMeta, iter.Seq2[readmodels.HistoryEntry, error], error)
	// Reads tells who read the audit trail.
	Reads(ctx context.Context, q readmodels.AuditReadsQuery) (entries []readmodels.AuditReadEntry, next string, err error)
}

// AuditRecorder records readings before their answers are shown; *commands.Audit implements it. An
// error means that the answer must not be shown.
type AuditRecorder interface {
	RecordRead(ctx context.Context, c commands.Caller, read domain.AuditRead) error
	RecordExport(ctx context.Context, c commands.Caller, export domain.AuditExported) error
}
