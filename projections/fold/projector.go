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
	Name string // in checkpoints, parked events and consumer groups
	// Version must be increased if the same log would produce different rows. Generations of other
	// versions are not followed; a new one is built.
	Version int
	Topic   string
	// Types are the event types of the topic that the projection folds; nil means all. Known types
	// of other projections are skipped without decoding. Every projection of the topic receives
	// events of unknown types, and parks them.
	Types      []string
	Tables     []string       // written only by this projector
	Definition ddl.Definition // of the tables
	// Begin returns the empty state of one batch of the given generation.
	Begin func(generation int) Fold

	// SpansPartitions is true if a row may depend on several partitions. A bulk fold then folds all
	// partitions into one state.
	SpansPartitions bool
	// Blocks reports whether a parked event blocks later events of its stream. If Blocks is nil, no
	// event does.
	Blocks func(key string, partition int32) bool
	// LogKey is set for a compacted topic. It returns the key of the records that produce the row
	// with the given primary key values. found is false if the row is not produced by the records
	// of one key.
	LogKey func(table string, row map[string]string) (key string, found bool)
}

// Fold is the state of one batch. The engine calls Load, LoadMore, Apply for each event in log
// order, and Write, all in one transaction. If the transaction fails, the engine discards the Fold.
type Fold interface {
	// Load queues set-based queries for the rows that the events need, with callbacks that store
	// the results. The queries are sent together with the statements that begin the transaction and
	// move the checkpoints, so their results may be discarded.
	Load(first *pgx.Batch, events []Event)
	// LoadMore reads rows that depend on the results of Load.
	LoadMore(ctx context.Context, tx pgx.Tx) error
	// Apply folds one event into the state, without I/O. If it returns an error, the event is
	// parked, and the state must be as if the event did not exist, except as documented in
	// [Chained].
	Apply(event Event) error
	// Write stores the rows that Apply produced, with set-based statements. Statements queued on
	// last are sent with the commit.
	Write(ctx context.Context, tx pgx.Tx, last *pgx.Batch) error
	// Copy is used by a rebuild and by a check of the tables. The Fold then gets every event of a
	// partition in order, starting from the empty state, without Load and Write. Copy passes each
	// row to into once, table by table, when no later event can change it; if last is true, it
	// passes all remaining rows.
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

// Chained is a Fold for a topic with hash chains. Within a stream, order matters: once an event is
// parked, all later events of its stream are parked too, and the head advances past them.
type Chained interface {
	Fold
	// Pass advances the head past an event that is parked for a reason found outside Apply. It does
	// not fold the event's content.
	Pass(event Event)
	// Resume folds a parked event. The event was effective, and the head has already advanced past
	// it.
	Resume(event Event) error
	// Release says that no event of a stream is parked any more. It is called only in a bulk fold.
	Release(key string)
}

// Event is one record of a batch, raw and, if possible, decoded.
type Event struct {
	Raw eventlog.Record
	domain.Recorded
	// Err is the reason why the record could not be decoded; only the key of Recorded is then set.
	// Apply must return it.
	Err error
}

// Reason is the kind of reason for which an event is parked.
type Reason = operator.ParkedReason

// The reasons; each is a value of column parked.reason.
const (
	ReasonMalformed   Reason = "malformed"    // the envelope of the event is invalid
	ReasonUnknownType Reason = "unknown_type" // this program does not know the type of the event
	ReasonUndecodable Reason = "undecodable"  // the payload of the event cannot be decoded or is invalid
	ReasonRefused     Reason = "refused"      // the projector cannot fold the event
	ReasonWrite       Reason = "write"        // the database refused a value of the event
	ReasonChainBroken Reason = "chain_broken" // the event does not fit the hash chain of its stream
	ReasonBehind      Reason = "behind"       // the event follows a parked event of its stream
)

// ParkError parks an event with a reason.
type ParkError struct {
	Reason Reason
	Detail string
}

func (e *ParkError) Error() string { return fmt.Sprintf("%s: %s", e.Reason, e.Detail) }

// ErrStale is returned by the Apply method of a [Chained] fold for a record that lost a race, is a
// duplicate, or is invalid. The record is counted and otherwise ignored.
var ErrStale = &ParkError{Reason: "stale", Detail: "lost race or duplicate"}
