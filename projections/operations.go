package projections

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
)

// Operations projects topic `operations` into the operators' and auditors' trail and the state of
// each connection.
type Operations struct{}

// Name implements [Projector].
func (Operations) Name() string { return "operations" }

// Version implements [Projector].
func (Operations) Version() int { return 3 + ahead }

// Topic implements [Projector].
func (Operations) Topic() string { return domain.TopicOperations }

// Tables implements [Projector].
func (Operations) Tables() []string { return []string{"operations_trail", "connection_states"} }

// Types implements [Projector]: all of the topic.
func (Operations) Types() []string { return nil }

// Definition implements [Projector].
func (p Operations) Definition() ddl.Definition { return ddl.All()[p.Name()] }

// Begin implements [Projector].
func (Operations) Begin(int) Fold {
	return &operationsFold{states: map[int64]stateRow{}}
}

type trailRow struct {
	domain.Recorded
	data []byte
}

type stateRow struct {
	domain.ConnectionStateChanged
	parent, eventID string
}

type operationsFold struct {
	needsNothing

	trail  []trailRow
	states map[int64]stateRow
}

// Apply implements [Fold].
func (f *operationsFold) Apply(ev Event) error {
	if ev.Err != nil {
		return ev.Err
	}
	if err := indexable(ev.Key); err != nil {
		return err
	}
	data, err := json.Marshal(ev.Data)
	if err != nil {
		return &ParkError{ReasonRefused, err.Error()}
	}
	f.trail = append(f.trail, trailRow{ev.Recorded, data})
	if change, ok := ev.Data.(domain.ConnectionStateChanged); ok {
		change.At = instant(change.At)
		present, seen := f.states[change.ConnectionID]
		if !seen || later(change.At, ev.Envelope.ID, present.At, present.eventID) {
			f.states[change.ConnectionID] = stateRow{change, ev.Key, ev.Envelope.ID}
		}
	}
	return nil
}

var trailTable = newTable("operations_trail",
	`partition int, log_offset bigint, parent_account text, event_id text, event_type text, time timestamptz,
	 actor text, role text, request_id text, data jsonb`,
	clause("on conflict do nothing"),
	func(r trailRow) []any {
		var parent any
		if r.Key != domain.OperationsKeyAll {
			parent = r.Key
		}
		return []any{
			r.Partition, r.Offset, parent, r.Envelope.ID, r.Envelope.Type, r.Envelope.Time,
			r.Envelope.Audit.Actor, r.Envelope.Audit.Role, r.Envelope.Audit.RequestID, r.data,
		}
	})

var statesTable = newTable("connection_states",
	`connection_id bigint, parent_account text, p_id smallint, state text, reason text, at timestamptz, event_id text`,
	replaceRow("connection_id", `
		where excluded.at > connection_states.at
		   or excluded.at = connection_states.at and `+smallerID("connection_states")),
	func(r stateRow) []any {
		return []any{r.ConnectionID, r.parent, int16(r.Platform), r.State, r.Reason, r.At, r.eventID}
	})

// Write implements [Fold].
func (f *operationsFold) Write(_ context.Context, _ pgx.Tx, last *pgx.Batch) error {
	trailTable.queue(last, f.trail)
	statesTable.queue(last, slices.Collect(maps.Values(f.states)))
	return nil
}
