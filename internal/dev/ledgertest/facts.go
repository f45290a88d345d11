package ledgertest

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/dev/tables"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// The accounts of a [World]: two agencies with clients.
const (
	AgencyA = "aaaaaaaaaaaaaaaaaaaaaaaa"
	AgencyB = "bbbbbbbbbbbbbbbbbbbbbbbb"
	ClientA = "a10000000000000000000000"
	ClientC = "a20000000000000000000000" // the other client of agency A
	ClientB = "b10000000000000000000000"
)

// World is a set of facts, kept as plain slices: the database folds them, oracles read them.
type World struct {
	Events   []fold.Event // of topic metrics
	Contents []fold.Event // of topic contents
	// Directory is what the main application sent; the social accounts' present owners are in it.
	Directory []domain.DirectoryEntity
	States    []domain.ConnectionStateChanged
	Secrets   map[string]domain.SecretTimes // what is stored of tokens, by their refs
}

// Add adds an event of topic metrics.
func (w *World) Add(id string, data domain.Data) {
	w.Events = append(w.Events, Event(id, data))
}

// Say adds what an origin said of a post at a time.
func (w *World) Say(content domain.PostContent, at time.Time) {
	w.Contents = append(w.Contents, fold.Event{Recorded: domain.Recorded{
		Key: content.Key(), Envelope: domain.Envelope{Type: content.EventType(), Time: at}, Data: content,
	}})
}

// Fold empties the tables and folds the facts into them with the projections' own folds.
func (w *World) Fold(t require.TestingT, db *pgtest.DB) {
	all := slices.DeleteFunc(projectors.All(), func(p fold.Projector) bool { return p.Topic == domain.TopicDashboards })
	tables := []string{"kept.secrets"}
	for _, p := range all {
		tables = append(tables, p.Tables...)
	}
	db.Delete(t, tables...)
	for ref, times := range w.Secrets {
		Exec(t, db.Pool, `
			insert into kept.secrets (ref, key_id, sealed, updated_at, signed_in_at, expires_at)
			values ($1, 'k', '', $2, $2, nullif($3, '0001-01-01'::timestamptz))`,
			ref, times.Taken, times.Expires)
	}
	var events []fold.Event
	add := func(topic string, ev fold.Event) {
		ev.Raw.Topic = topic
		events = append(events, ev)
	}
	for _, ev := range w.Events {
		add(domain.TopicMetrics, ev)
	}
	for _, ev := range w.Contents {
		add(domain.TopicContents, ev)
	}
	for i, entity := range w.Directory { // each is sent later than the one before
		ev := Event("", entity)
		ev.Key, ev.Envelope.Time = domain.EntityKey(entity), time.UnixMicro(int64(i))
		add(domain.TopicDirectory, ev)
	}
	for i, state := range w.States {
		ev := Event(fmt.Sprint("s", i), state)
		ev.Key, ev.Offset = AgencyA, int64(i)
		add(domain.TopicOperations, ev)
	}
	require.NoError(t, foldAll(context.Background(), db.Pool, all, events))
}

// Fold folds events with one projector, batch by batch, each in its transaction, as the engine does.
func Fold(t require.TestingT, db *pgtest.DB, p fold.Projector, batches ...[]fold.Event) {
	for _, batch := range batches {
		require.NoError(t, tables.Fold(context.Background(), db.Pool, p, batch))
	}
}

// Dump returns the rows of tables as text, ordered, so that two folds can be compared.
func Dump(t require.TestingT, db *pgtest.DB, tables ...string) (rows []string) {
	for _, table := range tables {
		rows = append(rows, Column[string](t, db.Pool, "select '"+table+" ' || r::text from "+table+" r order by 1")...)
	}
	return rows
}

// Event is an event as a fold gets it, without its record.
func Event(id string, data domain.Data) fold.Event {
	return fold.Event{Recorded: domain.Recorded{
		Envelope: domain.Envelope{ID: id, Type: data.EventType()}, Data: data,
	}}
}

var told atomic.Int64

var day0 = time.Date(2026, 3, 1, 22, 0, 0, 0, time.UTC)

// Later is an instant after all that it gave before: an entity counts by its time.
func Later() time.Time { return day0.Add(time.Duration(told.Add(1)) * time.Microsecond) }

// TwoAgencies is a log that knows the accounts of both agencies, with numbers and names.
func TwoAgencies(t *testing.T) *Log {
	t.Helper()
	log := New(t)
	log.Put(t,
		domain.DirectoryAccount{ID: AgencyA, RowID: 1, Name: "Agency A", Active: true},
		domain.DirectoryAccount{ID: ClientA, RowID: 11, ParentAccount: AgencyA, Name: "Client A", Active: true},
		domain.DirectoryAccount{ID: ClientC, RowID: 12, ParentAccount: AgencyA, Name: "Client C", Active: true},
		domain.DirectoryAccount{ID: AgencyB, RowID: 2, Name: "Agency B", Active: true},
		domain.DirectoryAccount{ID: ClientB, RowID: 21, ParentAccount: AgencyB, Name: "Client B", Active: true},
	)
	return log
}

// AllPages walks a list to its end, limit entries at a time.
func AllPages[E any](t *testing.T, limit int, list func(readmodels.Page) ([]E, readmodels.ListMeta, error)) (entries []E) {
	t.Helper()
	page := readmodels.Page{Limit: limit}
	for range 100 {
		got, meta, err := list(page)
		require.NoError(t, err)
		require.NotNil(t, got)
		require.LessOrEqual(t, len(got), limit)
		entries = append(entries, got...)
		if meta.NextCursor == "" {
			return entries
		}
		page.Cursor = meta.NextCursor
	}
	require.Fail(t, "the list does not end")
	return nil
}
