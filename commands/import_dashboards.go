package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// ImportStream is an agency's stream as the log holds it.
type ImportStream struct {
	Head    domain.StreamHead
	Present map[string]domain.PresentDashboard
}

// ImportDashboards takes an agency's legacy dashboards over, some sets a record, one record at a time: a
// second one that rests on a record which lost a race would look like tampering.
type ImportDashboards struct {
	// Stream reads the agency's stream from the log, up to its end.
	Stream func(ctx context.Context, parent string) (ImportStream, error)
	Log    Appender // nil: nothing is appended, for a dry run
	Now    func() time.Time
}

const (
	// importRecordBytes is about how large a record of an import becomes; a set stays together whatever
	// its size, and the log refuses what is too large for it.
	importRecordBytes = 128 << 10
	// importRaces is how often an agency may be faster than its import before it is given up.
	importRaces = 20
)

// Import appends what is not there yet and returns what it found at its beginning. When it returns nil
// every set is in the log; repeating it is safe at any time, also after it was killed.
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
			return first, fmt.Errorf("append dashboards of agency %s (repeating the import is safe): %w", facts.ParentAccount, err)
		}
	}
	return first, errors.New("agency " + facts.ParentAccount + " is changing its dashboards faster than they can be " +
		"imported; repeat the import")
}

// draft makes the record of as many sets as fit.
func (i ImportDashboards) draft(parent string, head domain.StreamHead, sets [][]domain.ImportedDashboard) (domain.Draft, error) {
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
	draft.Envelope.Source = SourceImport
	draft.Envelope.Audit = domain.Audit{Actor: ImportActor, CommandID: draft.Envelope.ID}
	return draft, nil
}
