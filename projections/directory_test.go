package projections_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/projections"
)

// entity is the event that puts an entity.
func entity(e domain.DirectoryEntity) projections.Event {
	ev := event("put", e)
	ev.Key, ev.Envelope.Time = domain.EntityKey(e), later()
	return ev
}

func tombstone(key string) projections.Event {
	return projections.Event{Recorded: domain.Recorded{Key: key, Envelope: domain.Envelope{Type: "directory.erased.v1", Time: later()}}}
}

// entities is one of each kind, with every field filled.
func entities() []domain.DirectoryEntity {
	expires, price := day0, int64(4900)
	return []domain.DirectoryEntity{
		domain.DirectoryAccount{ID: client1, RowID: 42, ParentAccount: agencyA, Name: "n", Email: "e", Phone: "p", Address: "a", CustomDomain: "c", WhiteLabelURL: "w", Colour: "#17587F", Active: true},
		domain.DirectoryUser{ID: "u", AccountID: client1, Name: "n", Email: "e", Phone: "p", Image: "i", MeetingLink: "m", Role: "r", Company: "c", IsOwner: true, Active: true, ResetPending: true, PasswordRef: "pw", CreatedAt: day0, UpdatedAt: day0},
		domain.DirectoryOrder{ID: "o", Buyer: client1, Seller: agencyA, ProductType: "t", AssignedUsers: []string{"x", `"y", {`, ""}},
		domain.DirectorySession{ID: "s", UserID: "u", LoginAt: day0},
		domain.DirectoryMember{ID: 7, AccountID: client1, UserID: "u", Name: "n", Active: true},
		domain.DirectoryConnection{ID: 70, MemberID: 7, Platform: domain.LinkedIn, AccountType: domain.LinkedInCompanyPage, SecretRef: "s", ExpiresAt: &expires, CreatedAt: day0, UpdatedAt: day0},
		domain.DirectoryDefaultAccount{MemberID: 7, SocialAccount: 11},
		domain.DirectorySocialAccount{ID: 11, ParentAccount: agencyA, AccountID: client1, MemberID: 7, ConnectionID: 70, Platform: domain.LinkedIn, AccountType: domain.LinkedInProfile, ExternalID: "x", Name: "n", Connected: true, CreatedAt: day0, UpdatedAt: day0},
		domain.DirectoryPlannedPost{ID: 9, AccountID: client1, SocialAccount: 11, ExternalID: "x", CategoryID: 4, ScheduledAt: &expires},
		domain.DirectorySubscription{ID: 3, AccountID: client1, Plan: "p", PriceMinor: &price, Currency: "EUR", StartsAt: day0, EndsAt: &expires},
		domain.DirectoryCategory{ID: 4, Name: "Events"},
	}
}

// Every kind of entity has its table, comes back as it was put, and goes with its tombstone.
func TestEveryKindOfEntity(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	tables := projections.Directory{}.Tables()
	require.Len(t, tables, len(entities()))
	for i, e := range entities() {
		foldBatches(t, db, projections.Directory{}, [][]projections.Event{{entity(e)}})
		rows := dump(t, db, tables...)
		require.Len(t, rows, 1, "%T", e)
		require.Contains(t, rows[0], tables[i])
		require.NotContains(t, rows[0], ",,", "a field of %T is not stored: %s", e, rows[0])
		foldBatches(t, db, projections.Directory{}, [][]projections.Event{{tombstone(domain.EntityKey(e))}})
		require.Empty(t, dump(t, db, tables...))
	}
}

func TestListsOfTextComeBackAsTheyAre(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for _, want := range [][]string{{}, {""}, {"NULL"}, {"a", "a", `"`, `\`, "{}", "ä,ö", "line\nbreak"}} {
		foldBatches(t, db, projections.Directory{}, [][]projections.Event{{entity(domain.DirectoryOrder{ID: "o", AssignedUsers: want})}})
		var got []string
		require.NoError(t, db.Pool.QueryRow(context.Background(), "select assigned_users from orders").Scan(&got))
		require.Equal(t, want, got)
	}
}

// The latest record of a key counts, in whatever order they come, and of one time the first, a tombstone before an entity. In any batches.
// What lies over a record that counts is known, so that it can be said again.
func TestDirectoryLatestRecordCounts(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	rapid.Check(t, func(t *rapid.T) {
		_, err := db.Pool.Exec(context.Background(), "truncate tDefaultCategories, sessions, erased_entities")
		require.NoError(t, err)
		type told struct {
			domain.CompactedRecord

			name    string
			covered bool
		}
		last := map[string]told{}
		var events []projections.Event
		for i := range rapid.IntRange(1, 30).Draw(t, "records") {
			id := rapid.IntRange(1, 3).Draw(t, "id")
			c := domain.DirectoryCategory{ID: int64(id), Name: fmt.Sprint("name", i)}
			s := domain.DirectorySession{ID: fmt.Sprint(id), UserID: c.Name, LoginAt: day0}
			e := rapid.SampledFrom([]domain.DirectoryEntity{c, s}).Draw(t, "entity")
			key := domain.EntityKey(e)
			ev, now := entity(e), told{CompactedRecord: domain.CompactedRecord{At: day0.Add(time.Duration(rapid.IntRange(0, 9).Draw(t, "s")) * time.Second)}, name: c.Name}
			if rapid.IntRange(0, 3).Draw(t, "erased") == 0 {
				ev, now.Erased, now.name = tombstone(key), true, ""
			}
			ev.Envelope.Time = now.At
			events = append(events, ev)
			if before, known := last[key]; known && !now.Replaces(before.CompactedRecord) {
				now, before.covered = before, now.Erased != before.Erased || now.At.Before(before.At) || now.name != before.name
				now.covered = before.covered
			}
			last[key] = now
		}
		foldBatches(t, db, projections.Directory{}, cut(t, events))
		rows, err := db.Pool.Query(context.Background(), `
			select 'category:' || id, name, covered from tDefaultCategories union all select 'session:' || id, user_id, covered from sessions
			union all select kind || ':' || id, '', covered from erased_entities`)
		require.NoError(t, err)
		list, err := collect[struct {
			Key, Value string
			Covered    bool
		}](rows)
		require.NoError(t, err)
		require.Len(t, list, len(last))
		for _, r := range list {
			require.Equal(t, last[r.Key].name, r.Value, r.Key)
			require.Equal(t, last[r.Key].covered, r.Covered, r.Key)
		}
	})
}

// What does not belong under its key is refused, and changes nothing.
func TestDirectoryRefuses(t *testing.T) {
	t.Parallel()
	under := func(key string, e domain.DirectoryEntity) projections.Event {
		ev := entity(e)
		ev.Key = key
		return ev
	}
	c := domain.DirectoryCategory{ID: 7, Name: "x"}
	for name, ev := range map[string]projections.Event{
		"another's key":                under("category:8", c),
		"a key of another kind":        under("member:7", c),
		"no key of ours":               under("category", c),
		"an unknown kind":              under("invoice:7", c),
		"a number in another spelling": under("category:07", c),
		"a tombstone in another spelling, which would erase 7": tombstone("category:07"),
		"a tombstone of no number":                             tombstone("category:x"),
		"a tombstone of 0":                                     tombstone("category:0"),
		"a tombstone of an unknown kind":                       tombstone("invoice:7"),
		"an event of another topic":                            {Recorded: domain.Recorded{Key: "category:7", Data: domain.ProjectionPaused{}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fold := projections.Directory{}.Begin(1)
			var park *projections.ParkError
			require.ErrorAs(t, fold.Apply(ev), &park)
			require.Equal(t, projections.ReasonRefused, park.Reason)
		})
	}
}

// The tables of all projections are disjoint: one writer for each.
func TestEveryTableHasOneProjection(t *testing.T) {
	t.Parallel()
	var all []string
	names := map[string]bool{}
	for _, p := range every() {
		all = append(all, p.Tables()...)
		names[p.Name()] = true
		require.Positive(t, p.Version())
		for _, eventType := range p.Types() {
			require.True(t, domain.NewRegistry().Knows(eventType))
		}
	}
	require.Len(t, names, len(every()))
	slices.Sort(all)
	require.Equal(t, slices.Compact(slices.Clone(all)), all)
}
