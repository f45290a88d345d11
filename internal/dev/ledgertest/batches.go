package ledgertest

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/tables"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// Batches folds events batch by batch, each in its transaction, as the engine does.
func Batches(t require.TestingT, db *pgtest.DB, p fold.Projector, batches [][]fold.Event) {
	for _, batch := range batches {
		require.NoError(t, tables.Fold(context.Background(), db.Pool, p, batch))
	}
}

// Dump returns the rows of tables as text, ordered, so that two folds can be compared.
func Dump(t require.TestingT, db *pgtest.DB, tables ...string) []string {
	var out []string
	for _, table := range tables {
		rows, err := db.Pool.Query(context.Background(), "select '"+table+" ' || r::text from "+table+" r order by 1")
		require.NoError(t, err)
		list, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		out = append(out, list...)
	}
	return out
}

// Event is an event as a fold gets it, without its record.
func Event(id string, data domain.Data) fold.Event {
	return fold.Event{Recorded: domain.Recorded{
		Envelope: domain.Envelope{ID: id, Type: data.EventType()}, Data: data,
	}}
}

var told atomic.Int64

// Later is an instant after all that it gave before: an entity counts by its time.
func Later() time.Time { return day0.Add(time.Duration(told.Add(1)) * time.Microsecond) }

// Put is the event that puts an entity.
func Put(e domain.DirectoryEntity) fold.Event {
	ev := Event("put", e)
	ev.Key, ev.Envelope.Time = domain.EntityKey(e), Later()
	return ev
}

var day0 = time.Date(2026, 3, 1, 22, 0, 0, 0, time.UTC)

// Entities is one of each kind, with every field filled.
func Entities() []domain.DirectoryEntity {
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
