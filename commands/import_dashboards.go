package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// ImportStream is the state of an agency's stream in the log.
type ImportStream struct {
	Head    domain.StreamHead
	Present map[string]domain.PresentDashboard
}

// ImportDashboards imports an agency's old dashboards, several linked sets per record, one
// record at a time.
type ImportDashboards struct {
	// Stream reads the agency's stream from the log up to its end.
	Stream func(ctx context.Context, parent string) (ImportStream, error)
	Log    Appender // nil for a dry run, which appends nothing
	Now    func() time.Time
}

const (
	// importRecordBytes is the approximate maximum size of an import record. A set is never
	// divided.
	importRecordBytes = 128 << 10
	// importRaces is how many races with changes by the agency an import can lose before it fails.
	importRaces = 20
)

// Import appends the missing dashboards and returns the plan that it made at the start. If it
// returns no error, every set is in the log. Repeating an import is always safe, even if its
// process was killed.
func (i ImportDashboards) Import(
	ctx context.Context, facts domain.ImportFacts, documents []domain.ImportedDashboard,
) (first domain.ImportPlan, err error) {
	left := -1
	for races := 0; races < importRaces; {
		stream, err := i.Stream(ctx, facts.ParentAccount)
		if err != nil {
			return first, fmt.Errorf("read the dashboards of agency %s: %w", facts.ParentAccount, err)
		}
		facts.Present = stream.Present
		plan := domain.PlanImport(facts, documents)
		switch {
		case left < 0:
			first = plan
		case len(plan.Sets) >= left:
			races++
		}
		if left = len(plan.Sets); left == 0 || i.Log == nil {
			return first, nil
		}
		draft, err := i.draft(facts.ParentAccount, stream.Head, plan.Sets)
		if err != nil {
			return first, err
		}
		if err := i.Log.Append(ctx, draft); err != nil {
			return first, fmt.Errorf("append dashboards of agency %s (repeating the import is safe): %w",
				facts.ParentAccount, err)
		}
	}
	return first, fmt.Errorf("agency %s changes its dashboards too often to import them; repeat the import",
		facts.ParentAccount)
}

// draft returns a record with as many sets as fit.
func (i ImportDashboards) draft(
	parent string, head domain.StreamHead, sets [][]domain.ImportedDashboard,
) (domain.Draft, error) {
	var event domain.DashboardsImported
	size := 0
	for _, together := range sets {
		raw, err := json.Marshal(together)
		if err != nil {
			return domain.Draft{}, fmt.Errorf("encode dashboards of agency %s: %w", parent, err)
		}
		if size > 0 && size+len(raw) > importRecordBytes {
			break
		}
		size += len(raw)
		event.Dashboards = append(event.Dashboards, together...)
	}
	draft := nextDraft(parent, event.Dashboards[0].SubAccountID, event, head, i.Now())
	draft.Envelope.Source = domain.SourceImport
	draft.Envelope.Audit = domain.Audit{Actor: domain.ImportActor, CommandID: draft.Envelope.ID}
	return draft, nil
}
