package ledgertest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
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
	w.Events = append(w.Events, fold.Event{Recorded: domain.Recorded{
		Envelope: domain.Envelope{ID: id, Type: data.EventType()}, Data: data,
	}})
}

// Say adds what an origin said of a post at a time.
func (w *World) Say(content domain.PostContent, at time.Time) {
	w.Contents = append(w.Contents, fold.Event{Recorded: domain.Recorded{
		Key: content.Key(), Envelope: domain.Envelope{Type: content.EventType(), Time: at}, Data: content,
	}})
}

// Fold empties the tables and folds the facts into them with the projections' own folds.
func (w *World) Fold(t require.TestingT, db *pgtest.DB) {
	ctx := context.Background()
	_, err := db.Pool.Exec(ctx, `
		with a as (delete from tSAccountIns), b as (delete from account_months), c as (delete from tSPosts), q1 as (delete from post_contents),
		     d as (delete from tSPostInsights), f as (delete from post_daily), r as (delete from post_months),
		     g as (delete from accounts), h as (delete from tSAccounts), i as (delete from tSubscriptions),
		     j as (delete from connection_states), k as (delete from post_gains), o as (delete from account_newest), q2 as (delete from account_erasures),
		     q3 as (delete from post_erasures), q4 as (delete from post_merges), q5 as (delete from post_merged_readings), l as (delete from members),
		     m as (delete from tContentPlanner), n as (delete from tDefaultCategories),
		     p as (delete from tMemberAuth), q as (delete from tDefaultAccount)
		delete from operations_trail`)
	require.NoError(t, err)
	_, err = db.Pool.Exec(ctx, `delete from kept.secrets`)
	require.NoError(t, err)
	for ref, times := range w.Secrets {
		_, err = db.Pool.Exec(ctx, `
			insert into kept.secrets (ref, key_id, sealed, updated_at, signed_in_at, expires_at)
			values ($1, 'k', '', $2, $2, nullif($3, '0001-01-01'::timestamptz))`,
			ref, times.Taken, times.Expires)
		require.NoError(t, err)
	}
	var accounts, posts, directory, operations []fold.Event
	for _, ev := range w.Events {
		switch ev.Data.(type) {
		case domain.AccountRead:
			accounts = append(accounts, ev)
		case domain.AccountErased:
			accounts, posts = append(accounts, ev), append(posts, ev)
		default:
			posts = append(posts, ev)
		}
	}
	for i, entity := range w.Directory { // each is sent later than the one before
		directory = append(directory, fold.Event{Recorded: domain.Recorded{
			Key: domain.EntityKey(entity), Envelope: domain.Envelope{Time: time.UnixMicro(int64(i))}, Data: entity,
		}})
	}
	for i, state := range w.States {
		operations = append(operations, fold.Event{Recorded: domain.Recorded{
			Key: AgencyA, Offset: int64(i), Envelope: domain.Envelope{ID: fmt.Sprint("s", i)}, Data: state,
		}})
	}
	Fold(t, db, projectors.AccountInsights, accounts)
	Fold(t, db, projectors.PostInsights, posts)
	Fold(t, db, projectors.Contents, w.Contents)
	Fold(t, db, projectors.Directory, directory)
	Fold(t, db, projectors.Operations, operations)
}

// Fold folds events with one projector, in one batch.
func Fold(t require.TestingT, db *pgtest.DB, p fold.Projector, events []fold.Event) {
	Batches(t, db, p, [][]fold.Event{events})
}

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
