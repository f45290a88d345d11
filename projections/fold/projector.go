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

// Projector says what a projection is: its name (by which checkpoints, parked records and consumer
// groups are known), the version of its code, its one topic and the tables that it alone writes.
type Projector struct {
	Name string
	// Version is raised whenever the same log would give other rows; a generation made by another
	// version is not followed but rebuilt.
	Version int
	Topic   string
	// Types are the event types of the topic that it folds; nil means all. Known types of other
	// projections are passed over without decoding; unknown ones come to every projection of the
	// topic, to be parked.
	Types  []string
	Tables []string
	// Definition says what the tables are.
	Definition ddl.Definition
	// Begin returns the empty state of one batch of the given generation.
	Begin func(generation int) Fold

	// SpansPartitions is set if one row may come from several partitions: one fold gets all of them.
	SpansPartitions bool
	// HoldsUp tells whether a parked event holds up those behind it; nil: none does.
	HoldsUp func(key string, partition int32) bool
	// LogKey is set for a compacted topic. It is the key of the records that make the row of a table with these values of its
	// primary key; false: of no records.
	LogKey func(table string, row map[string]string) (key string, made bool)
}

// Fold is the state of one batch. The engine calls Load, LoadMore, then Apply for each event in the order of
// the log, then Write, all in one transaction; when that fails it throws the Fold away.
type Fold interface {
	// Load queues what reads the rows that the events need, set-based, with callbacks that take them in. It travels with
	// what opens the transaction: on a batch that must not be folded it was read in vain.
	Load(first *pgx.Batch, events []Event)
	// LoadMore reads what only the answers to Load tell.
	LoadMore(ctx context.Context, tx pgx.Tx) error
	// Apply folds one event into the state. It does no input or output. An error parks the event;
	// the state must then be as if the event had not been, but for what [Chained] says.
	Apply(event Event) error
	// Write stores the rows that Apply made, set-based. What it queues on last is sent with the commit.
	Write(ctx context.Context, tx pgx.Tx, last *pgx.Batch) error
	// Copy is for a rebuild and for a check of the tables: there the Fold gets every event of one partition in order, from an empty
	// state and without Load and Write. It hands over, table by table and once, the rows that no later event of the partition changes;
	// with last set, all that remain.
	Copy(ctx context.Context, into write.CopyTarget, last bool) error
}

// LoadAll does all that a Fold reads, in a transaction that is open.
func LoadAll(ctx context.Context, tx pgx.Tx, state Fold, events []Event) error {
	var batch pgx.Batch
	state.Load(&batch, events)
	if err := write.Send(ctx, tx, &batch); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	if err := state.LoadMore(ctx, tx); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	return nil
}

// WriteAll does all that a Fold writes, in a transaction that goes on.
func WriteAll(ctx context.Context, tx pgx.Tx, state Fold) error {
	var batch pgx.Batch
	if err := state.Write(ctx, tx, &batch); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if err := write.Send(ctx, tx, &batch); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// Chained is a Fold whose topic carries hash chains: order matters within a stream, so that parking
// one event parks the later ones of its stream, and the head advances over a parked record.
type Chained interface {
	Fold
	// Pass moves the head over an event that is parked for a reason found outside of Apply, without
	// folding its content.
	Pass(event Event)
	// Resume folds an event that was parked and has already been judged and passed by the head.
	Resume(event Event) error
	// Release says that no event of a stream is parked any more. A fold of one batch need not be told.
	Release(key string)
}

// Event is one record of a batch: raw, and decoded when it could be.
type Event struct {
	Raw eventlog.Record
	domain.Recorded
	// Err says why Recorded is not filled, but for the key; a Fold hands it on from Apply.
	Err error
}

// Reason is the class under which an event is parked.
type Reason = operator.ParkedReason

// The reasons; each is a value of column parked.reason.
const (
	ReasonMalformed   Reason = "malformed"    // the envelope is not one
	ReasonUnknownType Reason = "unknown_type" // another binary may know it
	ReasonUndecodable Reason = "undecodable"  // the payload does not decode or validate
	ReasonRefused     Reason = "refused"      // Apply cannot fold it
	ReasonWrite       Reason = "write"        // the database refused its values
	ReasonChainBroken Reason = "chain_broken" // no honest writer can have made it: alarm
	ReasonBehind      Reason = "behind"       // in order behind a parked event of its stream
)

// ParkError is an error that parks an event under a given reason.
type ParkError struct {
	Reason Reason
	Detail string
}

func (e *ParkError) Error() string { return fmt.Sprintf("%s: %s", e.Reason, e.Detail) }

// ErrStale is what Apply of a chained fold returns for a record that lost its race or is a
// duplicate, and for an invalid one of its topic: it is counted and otherwise as if it had not been.
var ErrStale = &ParkError{Reason: "stale", Detail: "lost race or duplicate"}
