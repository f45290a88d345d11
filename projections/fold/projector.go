package fold

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// Projector declares a projection.
type Projector struct {
	Name string // used by checkpoints, parked records and consumer groups
	// Version is raised whenever the same log would produce other rows. A generation of another
	// version is not followed; a new one is built.
	Version int
	Topic   string
	// Types are the event types of the topic that the projection folds; nil means all. Known types
	// of other projections are skipped without decoding. Every projection of the topic receives
	// unknown types, to park them.
	Types      []string
	Tables     []string       // that only this projector writes
	Definition ddl.Definition // of the tables
	// Begin returns the empty state of one batch of the given generation.
	Begin func(generation int) Fold

	// SpansPartitions is set if one row may depend on several partitions: one fold then gets all of
	// them.
	SpansPartitions bool
	// Blocks reports whether a parked event blocks later events of its stream; nil: no event does.
	Blocks func(key string, partition int32) bool
	// LogKey is set for a compacted topic. It returns the key of the records that produce the row
	// with these primary key values; found is false if no records do.
	LogKey func(table string, row map[string]string) (key string, found bool)
}

// Fold is the state of one batch. The engine calls Load, LoadMore, Apply for each event in log
// order, and Write, all in one transaction. If the transaction fails, the engine discards the Fold.
type Fold interface {
	// Load queues set-based queries for the rows that the events need, with callbacks that store
	// the results. They are sent together with the statement that opens the transaction, so they
	// may run in vain.
	Load(first *pgx.Batch, events []Event)
	// LoadMore reads rows that depend on the results of Load.
	LoadMore(ctx context.Context, tx pgx.Tx) error
	// Apply folds one event into the state, without input or output. An error parks the event; the
	// state must then be as if the event did not exist, except as documented in [Chained].
	Apply(event Event) error
	// Write stores the rows that Apply produced, set-based. Statements queued on last are sent with
	// the commit.
	Write(ctx context.Context, tx pgx.Tx, last *pgx.Batch) error
	// Copy is used by a rebuild and by a check of the tables. The Fold then gets every event of one
	// partition in order, from empty state, without Load and Write. Copy passes on, table by table
	// and once, the rows that no later event of the partition can change; if last is set, all
	// remaining rows.
	Copy(ctx context.Context, into write.CopyTarget, last bool) error
}

// LoadAll runs all queries of a Fold in an open transaction.
func LoadAll(ctx context.Context, tx pgx.Tx, state Fold, events []Event) error {
	var batch pgx.Batch
	state.Load(&batch, events)
	err := write.Send(ctx, tx, &batch)
	if err == nil {
		err = state.LoadMore(ctx, tx)
	}
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	return nil
}

// WriteAll runs all writes of a Fold in an open transaction.
func WriteAll(ctx context.Context, tx pgx.Tx, state Fold) error {
	var batch pgx.Batch
	err := state.Write(ctx, tx, &batch)
	if err == nil {
		err = write.Send(ctx, tx, &batch)
	}
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// Chained is a Fold for a topic with hash chains. Order matters within a stream: parking one event
// parks the later ones of its stream, and the head advances over a parked record.
type Chained interface {
	Fold
	// Pass advances the head over an event that is parked for a reason found outside Apply,
	// without folding its content.
	Pass(event Event)
	// Resume folds a parked event whose chain verdict is known and whose head was already passed.
	Resume(event Event) error
	// Release says that no event of a stream is parked any more. A fold of one batch does not need
	// the call.
	Release(key string)
}

// Event is one record of a batch, raw and, if possible, decoded.
type Event struct {
	Raw eventlog.Record
	domain.Recorded
	// Err says why only the key of Recorded is set. A Fold returns it from Apply.
	Err error
}

// Reason is the class under which an event is parked.
type Reason = operator.ParkedReason

// The reasons; each is a value of column parked.reason.
const (
	ReasonMalformed   Reason = "malformed"    // the envelope is invalid
	ReasonUnknownType Reason = "unknown_type" // another version of the program may know the type
	ReasonUndecodable Reason = "undecodable"  // the payload does not decode or validate
	ReasonRefused     Reason = "refused"      // the projector cannot fold it
	ReasonWrite       Reason = "write"        // the database refused its values
	ReasonChainBroken Reason = "chain_broken" // no correct writer can have written it
	ReasonBehind      Reason = "behind"       // valid, but after a parked event of its stream
)

// ParkError parks an event with a reason.
type ParkError struct {
	Reason Reason
	Detail string
}

func (e *ParkError) Error() string { return fmt.Sprintf("%s: %s", e.Reason, e.Detail) }

// ErrStale is returned by Apply of a chained fold for a record that lost its race, is a duplicate
// or is invalid. The record is counted and otherwise ignored.
var ErrStale = &ParkError{Reason: "stale", Detail: "lost race or duplicate"}
