package projectors

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"maps"
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// Operations projects topic `operations` into the audit trail and the state of each connection, and
// of each page whose state differs from that of its connection.
var Operations = fold.Projector{
	Name: "operations", Version: 8 + ahead, Topic: domain.TopicOperations,
	Definition: ddl.Of("operations"),
	Tables:     []string{"operations_trail", "connection_states"},
	Begin: func(int) fold.Fold {
		return &operationsFold{known: map[trailKey]bool{}, states: map[stateKey]stateRow{}}
	},
	// A connection that moved to another agency may have states in two partitions.
	SpansPartitions: true,
}

type trailRow struct {
	domain.Recorded
	data []byte
}

type stateKey struct {
	connection, socialAccount int64 // 0: all pages of the connection
}

type stateRow struct {
	domain.ConnectionStateChanged
	parent, eventID string
}

type operationsFold struct {
	loadsNothing

	trail  []trailRow
	known  map[trailKey]bool // rows added so far, including written ones
	states map[stateKey]stateRow
}

// trailKey is a hash of the key of a row. A build keeps one for every record.
type trailKey [16]byte

func (o *operationsFold) Apply(ev fold.Event) error {
	if err := indexable(ev.Key, ev.Envelope.ID); err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(ev.Key + "\x00" + ev.Envelope.ID))
	row := trailKey(sum[:16])
	if o.known[row] { // a retried append may have written a record twice
		return nil
	}
	data, err := json.Marshal(ev.Data)
	if err != nil {
		return fold.Refuse("not_encodable")
	}
	o.known[row] = true
	o.trail = append(o.trail, trailRow{ev.Recorded, data})
	if change, ok := ev.Data.(domain.ConnectionStateChanged); ok {
		change.At = instant(change.At)
		key := stateKey{change.ConnectionID, change.SocialAccount}
		present, known := o.states[key]
		if !known || later(change.At, ev.Envelope.ID, present.At, present.eventID) {
			o.states[key] = stateRow{change, ev.Key, ev.Envelope.ID}
		}
	}
	return nil
}

var trailTable = write.NewTable("operations_trail",
	`parent_account text, event_id text, event_type text, time timestamptz,
	 actor text, role text, request_id text, data jsonb`,
	write.Clause("on conflict do nothing"),
	func(r trailRow) []any {
		return []any{
			r.Key, r.Envelope.ID, r.Envelope.Type, r.Envelope.Time,
			r.Envelope.Audit.Actor, r.Envelope.Audit.Role, r.Envelope.Audit.RequestID, r.data,
		}
	})

var statesTable = write.NewTable("connection_states",
	`connection_id bigint, social_account_id bigint, parent_account text, p_id smallint, reason jsonb, at timestamptz, since timestamptz, event_id text`,
	write.ReplaceRow("connection_id, social_account_id", `
		where excluded.at > connection_states.at
		   or excluded.at = connection_states.at and `+smallerID("connection_states")),
	func(r stateRow) []any {
		var reason any
		if why := r.Reason(); why != nil {
			reason, _ = json.Marshal(why) // texts and numbers
		}
		return []any{r.ConnectionID, r.SocialAccount, r.parent, int16(r.Platform), reason, r.At, instant(*cmp.Or(r.Since, &r.At)), r.eventID}
	})

// Write implements [fold.Fold]. If partitions were folded separately, the delete statement below
// `-- +keys` in operations.sql removes the older state of a connection.
func (o *operationsFold) Write(into write.Sink, last bool) error {
	trailTable.Write(into, o.trail)
	o.trail = nil
	if last {
		statesTable.Write(into, slices.Collect(maps.Values(o.states)))
	}
	return nil
}
