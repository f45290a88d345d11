package projectors_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/operator"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

func tombstone(key string) fold.Event {
	return fold.Event{Recorded: domain.Recorded{Key: key, Envelope: domain.Envelope{Type: "directory.erased.v1", Time: ledgertest.Later()}}}
}

// Every kind of entity has a table, is stored completely, also through COPY, and is deleted by its
// tombstone.
func TestEveryEntityTypeIsStoredAndDeleted(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	tables := projectors.Directory.Tables
	require.Len(t, tables, len(oneOfEach()))
	for i, e := range oneOfEach() {
		put := [][]fold.Event{{putEvent(e)}}
		ledgertest.Fold(t, db, projectors.Directory, put...)
		rows := ledgertest.Dump(t, db, tables...)
		require.Len(t, rows, 1, "%T", e)
		require.Contains(t, rows[0], tables[i])
		require.NotContains(t, rows[0], ",,", "a field of %T is not stored: %s", e, rows[0])
		require.Equal(t, rows, tablesAfter(t, db, projectors.Directory, tables, foldBulk, put), "in a rebuild")
		ledgertest.Fold(t, db, projectors.Directory, []fold.Event{tombstone(domain.EntityKey(e))})
		require.Empty(t, ledgertest.Dump(t, db, tables...))
	}
}

func TestTextArraysRoundTrip(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for _, want := range [][]string{{}, {""}, {"NULL"}, {"a", "a", `"`, `\`, "{}", "ä,ö", "line\nbreak"}} {
		ledgertest.Fold(t, db, projectors.Directory, []fold.Event{putEvent(domain.DirectoryOrder{ID: "o", AssignedUsers: want})})
		var got []string
		require.NoError(t, db.Pool.QueryRow(context.Background(), "select assigned_users from orders").Scan(&got))
		require.Equal(t, want, got)
	}
}

// The last record of a key counts, in any batches.
func TestLastDirectoryRecordOfKeyWins(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	rapid.Check(t, func(t *rapid.T) {
		db.Delete(t, "tDefaultCategories", "sessions")
		last := map[string]string{} // names
		var events []fold.Event
		for i := range rapid.IntRange(1, 30).Draw(t, "records") {
			id := rapid.IntRange(1, 3).Draw(t, "id")
			c := domain.DirectoryCategory{ID: int64(id), Name: fmt.Sprint("name", i)}
			s := domain.DirectorySession{ID: fmt.Sprint(id), UserID: c.Name, LoginAt: day0}
			e := rapid.SampledFrom([]domain.DirectoryEntity{c, s}).Draw(t, "entity")
			key := domain.EntityKey(e)
			ev := putEvent(e)
			last[key] = c.Name
			if rapid.IntRange(0, 3).Draw(t, "erased") == 0 {
				ev = tombstone(key)
				delete(last, key)
			}
			ev.Envelope.Time = day0.Add(time.Duration(rapid.IntRange(0, 9).Draw(t, "s")) * time.Second)
			events = append(events, ev)
		}
		ledgertest.Fold(t, db, projectors.Directory, cut(t, events)...)
		stored := map[string]string{}
		for _, r := range ledgertest.Rows[struct{ Key, Value string }](t, db.Pool,
			`select 'category:' || id, name from tDefaultCategories union all select 'session:' || id, user_id from sessions`) {
			stored[r.Key] = r.Value
		}
		require.Equal(t, last, stored)
	})
}

// Records that do not match their key are refused and change nothing.
func TestDirectoryRefusesRecordWithWrongKey(t *testing.T) {
	t.Parallel()
	under := func(key string, e domain.DirectoryEntity) fold.Event {
		ev := putEvent(e)
		ev.Key = key
		return ev
	}
	c := domain.DirectoryCategory{ID: 7, Name: "x"}
	for name, ev := range map[string]fold.Event{
		"another's key":            under("category:8", c),
		"a key of another kind":    under("member:7", c),
		"an invalid key":           under("category", c),
		"an unknown kind":          under("invoice:7", c),
		"a number in another form": under("category:07", c),
		"a tombstone in another form, which would erase 7": tombstone("category:07"),
		"a tombstone without a number":                     tombstone("category:x"),
		"a tombstone of 0":                                 tombstone("category:0"),
		"a tombstone of an unknown kind":                   tombstone("invoice:7"),
		"an event of another topic":                        {Recorded: domain.Recorded{Key: "category:7", Data: domain.OperatorFinished{}}},
	} {
		var bad *fold.BadEventError
		require.ErrorAs(t, projectors.Directory.Begin(1).Apply(ev), &bad, name)
		require.Equal(t, &fold.BadEventError{Reason: operator.ReasonRefused, Params: map[string]string{"rule": "wrong_key"}}, bad, name)
	}
}

// The tables of all projections are disjoint: each has one writer.
func TestEveryTableHasOneProjection(t *testing.T) {
	t.Parallel()
	var all []string
	names := map[string]bool{}
	for _, p := range projectors.All() {
		all = append(all, p.Tables...)
		names[p.Name] = true
		require.Positive(t, p.Version)
		for _, eventType := range p.Types {
			require.True(t, domain.NewRegistry().Knows(eventType))
		}
	}
	require.Len(t, names, len(projectors.All()))
	slices.Sort(all)
	require.Equal(t, slices.Compact(slices.Clone(all)), all)
}

// The state of a connection is the one of its latest change; the trail has every record once.
func TestOperationsAnyOrderGivesTheSameTables(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	rapid.Check(t, func(t *rapid.T) {
		var events []fold.Event
		latest := map[int64]fold.Event{}
		for i := range rapid.IntRange(1, 20).Draw(t, "events") {
			at := day0.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "at")) * time.Hour)
			change := domain.ConnectionStateChanged{
				ConnectionID: rapid.Int64Range(1, 2).Draw(t, "connection"), Platform: domain.Facebook,
				Code: domain.StatusCode(fmt.Sprint("code", i)), At: spelling(t, at),
			}
			ev := ledgertest.Event(rapid.SampledFrom([]string{"a", "B", "_"}).Draw(t, "id")+fmt.Sprint(i), change)
			ev.Key, ev.Offset = agencyA, int64(i)
			events = append(events, ev)
			present, ok := latest[change.ConnectionID]
			if !ok || beats(change.At, ev.Envelope.ID, present.Data.(domain.ConnectionStateChanged).At, present.Envelope.ID) {
				latest[change.ConnectionID] = ev
			}
		}
		requireAnyOrder(t, db, projectors.Operations, events)
		type row struct {
			ID   int64
			Code domain.StatusCode
		}
		list := ledgertest.Rows[row](t, db.Pool, "select connection_id, reason ->> 'code' as code from connection_states")
		require.Len(t, list, len(latest))
		for _, r := range list {
			require.Equal(t, latest[r.ID].Data.(domain.ConnectionStateChanged).Code, r.Code)
		}
	})
}

// A connection that moved to another agency has states in two partitions, which may be folded
// separately.
func TestMovedConnectionKeepsOnlyNewestState(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	live, bulk := pgtest.New(t), pgtest.New(t)
	offset := int64(0)
	change := func(id, parent string, hour int) fold.Event {
		offset++
		ev := ledgertest.Event(id, domain.ConnectionStateChanged{
			ConnectionID: 1, Platform: domain.Facebook, Code: domain.StatusCode(id), At: day0.Add(time.Duration(hour) * time.Hour),
		})
		ev.Key, ev.Offset = parent, offset
		return ev
	}
	p := projectors.Operations
	for _, pair := range [][2]fold.Event{
		{change("old", agencyA, 1), change("new", agencyB, 2)},
		{change("a", agencyA, 3), change("B", agencyB, 3)}, // the smaller id wins
	} {
		for _, order := range [][]fold.Event{{pair[0], pair[1]}, {pair[1], pair[0]}} {
			_, err := bulk.Pool.Exec(ctx, "truncate connection_states, operations_trail; alter table connection_states drop constraint connection_states_pkey")
			require.NoError(t, err)
			_, err = live.Pool.Exec(ctx, "truncate connection_states")
			require.NoError(t, err)
			ledgertest.Fold(t, live, p, order)
			foldBulk(t, bulk, p, order[:1])
			foldBulk(t, bulk, p, order[1:])
			_, keys, found := strings.Cut(p.Definition.Keys(), "-- A build may fold partitions")
			require.True(t, found)
			_, err = bulk.Pool.Exec(ctx, "-- "+keys)
			require.NoError(t, err)
			require.Equal(t, ledgertest.Dump(t, live, "connection_states"), ledgertest.Dump(t, bulk, "connection_states"))
		}
	}
}

// putEvent is the event that puts an entity.
func putEvent(e domain.DirectoryEntity) fold.Event {
	ev := ledgertest.Event("put", e)
	ev.Key, ev.Envelope.Time = domain.EntityKey(e), ledgertest.Later()
	return ev
}

// oneOfEach is one entity of each kind, with every field filled.
func oneOfEach() []domain.DirectoryEntity {
	const agency, client = "aaaaaaaaaaaaaaaaaaaaaaaa", "c10000000000000000000000"
	at := day0
	expires, price := at, int64(4900)
	return []domain.DirectoryEntity{
		domain.DirectoryAccount{ID: client, RowID: 42, ParentAccount: agency, Name: "n", Email: "e", Phone: "p", Address: "a", CustomDomain: "c", WhiteLabelURL: "w", Color: "#17587F", TimeZone: "Asia/Tokyo", Active: true},
		domain.DirectoryUser{ID: "u", AccountID: client, Name: "n", Email: "e", Phone: "p", Image: "i", MeetingLink: "m", Role: "r", Company: "c", IsOwner: true, Active: true, ResetPending: true, CreatedAt: at, UpdatedAt: at},
		domain.DirectoryOrder{ID: "o", Buyer: client, Seller: agency, ProductType: "t", AssignedUsers: []string{"x", `"y", {`, ""}},
		domain.DirectorySession{ID: "s", UserID: "u", LoginAt: at},
		domain.DirectoryMember{ID: 7, AccountID: client, UserID: "u", Name: "n", Active: true},
		domain.DirectoryConnection{ID: 70, MemberID: 7, Platform: domain.LinkedIn, AccountType: domain.LinkedInCompanyPage, SecretRef: "s", ExpiresAt: &expires, CreatedAt: at, UpdatedAt: at},
		domain.DirectoryDefaultAccount{MemberID: 7, SocialAccount: 11},
		domain.DirectorySocialAccount{ID: 11, ParentAccount: agency, AccountID: client, MemberID: 7, ConnectionID: 70, Platform: domain.LinkedIn, AccountType: domain.LinkedInProfile, ExternalID: "x", Name: "n", Connected: true, CreatedAt: at, UpdatedAt: at},
		domain.DirectoryPlannedPost{ID: 9, AccountID: client, SocialAccount: 11, ExternalID: "x", CategoryID: 4, ScheduledAt: &expires},
		domain.DirectorySubscription{ID: 3, AccountID: client, Plan: "p", PriceMinor: &price, Currency: "EUR", StartsAt: at, EndsAt: &expires},
		domain.DirectoryCategory{ID: 4, Name: "Events"},
	}
}
