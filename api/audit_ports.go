package api

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// AuditDeps is what the auditors' routes stand on.
type AuditDeps struct {
	History HistoryReader
	Exports HistoryExporter
	Reads   AuditReadsReader
	Records AuditRecorder

	// MaxExport is the number of entries after which an export ends and says so; default [DefaultMaxExport].
	MaxExport int
}

// DefaultMaxExport bounds an export. It goes on behind the cursor that its last line gives.
const DefaultMaxExport = 1_000_000

// HistoryReader answers auditors; *readmodels.History implements it. A dashboard that has no history in
// the agency gives [domain.ErrDashboardNotFound], whosever it is.
type HistoryReader interface {
	Entries(ctx context.Context, q readmodels.HistoryQuery) ([]readmodels.HistoryEntry, readmodels.HistoryMeta, error)
	State(ctx context.Context, q readmodels.StateQuery) (readmodels.StateAnswer, readmodels.HistoryMeta, error)
	Diff(ctx context.Context, q readmodels.DiffQuery) (readmodels.DiffAnswer, readmodels.HistoryMeta, error)
	Access(ctx context.Context, q readmodels.AccessQuery) (readmodels.AccessAnswer, readmodels.HistoryMeta, error)
}

// HistoryExporter gives the whole history in the order of the stream, in constant memory;
// *readmodels.History implements it.
type HistoryExporter interface {
	Export(ctx context.Context, q readmodels.HistoryQuery) (readmodels.HistoryMeta, iter.Seq2[readmodels.HistoryEntry, error], error)
}

// AuditReadsReader tells who read the audit trail; readmodels.AuditReads implements it.
type AuditReadsReader interface {
	Reads(ctx context.Context, q readmodels.AuditReadsQuery) (entries []readmodels.AuditReadEntry, next string, err error)
}

// AuditRecorder records readings before their answers are shown; *commands.Audit implements it. An
// error means that the answer must not be shown.
type AuditRecorder interface {
	RecordRead(ctx context.Context, c commands.Caller, read domain.AuditRead) error
	RecordExport(ctx context.Context, c commands.Caller, export domain.AuditExported) error
}

func (d *AuditDeps) validate() error {
	if d == nil {
		return nil
	}
	var errs []error
	for name, absent := range map[string]bool{
		"History": d.History == nil, "Exports": d.Exports == nil, "Reads": d.Reads == nil, "Records": d.Records == nil,
	} {
		if absent {
			errs = append(errs, fmt.Errorf("api: Deps.Audit.%s is not set", name))
		}
	}
	return errors.Join(errs...)
}

func (d *AuditDeps) maxExport() int {
	if d.MaxExport > 0 {
		return d.MaxExport
	}
	return DefaultMaxExport
}
