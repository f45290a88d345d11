package projections

import (
	"context"
	"crypto/sha256"
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
	return &operationsFold{seen: map[trailKey]bool{}, states: map[int64]stateRow{}}
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
	seen   map[trailKey]bool // those that trail holds or held
	states map[int64]stateRow
}

// trailKey is the hash of a row's key: a bulk fold remembers it of every record.
type trailKey [16]byte

func trailKeyOf(ev Event) (key trailKey) {
	sum := sha256.Sum256([]byte(ev.Key + "\x00" + ev.Envelope.ID))
	copy(key[:], sum[:])
	return key
}

// Apply implements [Fold].
func (f *operationsFold) Apply(ev Event) error {
	if ev.Err != nil {
		return ev.Err
	}
	if err := indexable(ev.Key, ev.Envelope.ID); err != nil {
		return err
	}
	row := trailKeyOf(ev)
	if f.seen[row] { // an append that was tried again may lie in its stream twice
		return nil
	}
	data, err := json.Marshal(ev.Data)
	if err != nil {
		return &ParkError{ReasonRefused, withoutValues(err)}
	}
	f.seen[row] = true
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
	`parent_account text, event_id text, event_type text, time timestamptz,
	 actor text, role text, request_id text, data jsonb`,
	clause("on conflict do nothing"),
	func(r trailRow) []any {
		return []any{
			r.Key, r.Envelope.ID, r.Envelope.Type, r.Envelope.Time,
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
