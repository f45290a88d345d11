package fold

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// Projector declares a projection.
type Projector struct {
	Name string // in checkpoints, dead letters and consumer groups
	// Version must be increased if the same log would produce different rows. Generations of other
	// versions are not followed; a new one is built.
	Version int
	Topic   string
	// Types are the event types of the topic that the projection folds; nil means all. Known types
	// of other projections are skipped without decoding.
	Types []string
	// Tables are written only by this projector. If the topic has hash chains, each has the key of
	// the stream in column parent_account, and no row depends on two streams.
	Tables []string
	// Ends names the column with the last version of a row's stream that the row depends on, by table.
	// Later versions do not change the row.
	Ends       map[string]string
	Definition ddl.Definition // of the tables
	// Begin returns the empty state of one batch of the given generation.
	Begin func(generation int) Fold

	// SpansPartitions is true if a row may depend on several keys or partitions. A build then folds all
	// partitions into one state, in the order of the log, instead of each key into its own.
	SpansPartitions bool
	// Order, if set, returns what a build sorts the records of a key by, before it folds them. Without
	// it, and where it returns the same for two records, they are in the order of the log.
	Order func(eventlog.Record) []byte
}

// Fold is the state of one batch or, in a build, of one key. The engine calls Load and LoadMore, then
// Apply for each event, and then Write, all in one transaction. If the transaction fails, the engine
// discards the Fold. On a topic with hash chains, the engine judges the records, and Apply gets only
// effective events of streams that have not stopped.
//
// A build begins with empty tables, so it does not call Load and LoadMore. Its Fold gets all events
// of a key.
type Fold interface {
	// Load queues set-based queries for the rows that the events need, with callbacks that store
	// the results. The queries are sent together with the statements that begin the transaction and
	// move the checkpoints, so their results may be discarded.
	Load(first *pgx.Batch, events []Event)
	// LoadMore reads rows that depend on the results of Load.
	LoadMore(ctx context.Context, tx pgx.Tx) error
	// Apply folds one event into the state, without I/O. If it returns an error, which is a
	// [BadEventError], the event is a dead letter, and the state must be as if it did not exist.
	Apply(event Event) error
	// Write gives the rows that Apply produced to a sink. A batch is written once, with last true. A
	// build also calls Write from time to time with last false, so that a key with many events needs
	// little memory: rows that no later event of the key can change may then be written. A build
	// writes each row once.
	Write(into write.Sink, last bool) error
}

// Event is one record of a batch that could be decoded.
type Event struct {
	Raw eventlog.Record
	domain.Recorded
	// Head is the head of the event's stream after the event, on a topic with hash chains.
	Head domain.StreamHead
	// Err is why the record could not be decoded; only the key of Recorded is then set. A Fold does
	// not get such an event.
	Err error
}
