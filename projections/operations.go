package projections

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Operations projects topic `operations` into the operators' and auditors' trail and the state of
// each connection.
type Operations struct{}

// Name implements [Projector].
func (Operations) Name() string { return "operations" }

// Version implements [Projector].
func (Operations) Version() int { return 1 }

// Topic implements [Projector].
func (Operations) Topic() string { return domain.TopicOperations }

// Tables implements [Projector].
func (Operations) Tables() []string { return []string{"operations_trail", "connection_states"} }

// Types implements [Projector]: all of the topic.
func (Operations) Types() []string { return nil }

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
	trail  []trailRow
	states map[int64]stateRow
}

// Load implements [Fold]: nothing need be read.
func (*operationsFold) Load(context.Context, pgx.Tx, []Event) error { return nil }

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

var trailTable = newTable("operations_trail", "on conflict do nothing",
	col("partition", "int", func(r *trailRow) int32 { return r.Partition }),
	col("log_offset", "bigint", func(r *trailRow) int64 { return r.Offset }),
	col("parent_account", "text", func(r *trailRow) *string {
		if r.Key == domain.OperationsKeyAll {
			return nil
		}
		return &r.Key
	}),
	col("event_id", "text", func(r *trailRow) string { return r.Envelope.ID }),
	col("event_type", "text", func(r *trailRow) string { return r.Envelope.Type }),
	col("time", "timestamptz", func(r *trailRow) time.Time { return r.Envelope.Time }),
	col("actor", "text", func(r *trailRow) string { return r.Envelope.Audit.Actor }),
	col("role", "text", func(r *trailRow) string { return r.Envelope.Audit.Role }),
	col("request_id", "text", func(r *trailRow) string { return r.Envelope.Audit.RequestID }),
	jsonCol("data", func(r *trailRow) []byte { return r.data }),
)

var statesTable = newTable("connection_states",
	replaceAll("connection_id", "parent_account", "p_id", "state", "reason", "at", "event_id")+`
		where excluded.at > connection_states.at
		   or excluded.at = connection_states.at and `+smallerID("connection_states"),
	col("connection_id", "bigint", func(r *stateRow) int64 { return r.ConnectionID }),
	col("parent_account", "text", func(r *stateRow) string { return r.parent }),
	col("p_id", "smallint", func(r *stateRow) int16 { return int16(r.Platform) }),
	col("state", "text", func(r *stateRow) string { return r.State }),
	col("reason", "text", func(r *stateRow) string { return r.Reason }),
	col("at", "timestamptz", func(r *stateRow) time.Time { return r.At }),
	col("event_id", "text", func(r *stateRow) string { return r.eventID }),
)

// Write implements [Fold].
func (f *operationsFold) Write(ctx context.Context, tx pgx.Tx) error {
	var batch pgx.Batch
	trailTable.queue(&batch, f.trail)
	statesTable.queue(&batch, slices.Collect(maps.Values(f.states)))
	if err := send(ctx, tx, &batch); err != nil {
		return fmt.Errorf("store operations: %w", err)
	}
	return nil
}
