package readmodels_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

const (
	agencyA = "aaaaaaaaaaaaaaaaaaaaaaaa"
	agencyB = "bbbbbbbbbbbbbbbbbbbbbbbb"
	clientA = "a10000000000000000000000"
	clientC = "a20000000000000000000000" // the other client of agency A
	clientB = "b10000000000000000000000"
)

// world is a set of facts, kept as plain slices: the database folds them, the oracles read them.
type world struct {
	events []projections.Event // of topic metrics
	// directory is what the main application sent; the social accounts' present owners are in it.
	directory []domain.DirectoryEntity
	states    []domain.ConnectionStateChanged
	secrets   map[string]domain.SecretTimes // what is stored of tokens, by their refs
}

func (w *world) add(id string, data domain.Data) {
	w.events = append(w.events, projections.Event{Recorded: domain.Recorded{
		Envelope: domain.Envelope{ID: id, Type: data.EventType()}, Data: data,
	}})
}

// fold empties the tables and folds the facts into them with the projections' own folds.
func (w *world) fold(t require.TestingT, db *pgtest.DB) {
	ctx := context.Background()
	_, err := db.Pool.Exec(ctx, `
		with a as (delete from tSAccountIns), b as (delete from account_months), c as (delete from tSPosts),
		     d as (delete from tSPostInsights), e as (delete from tSPostGrowth), f as (delete from post_daily),
		     g as (delete from accounts), h as (delete from tSAccounts), i as (delete from tSubscriptions),
		     j as (delete from connection_states), k as (delete from post_gains), o as (delete from account_newest), l as (delete from members),
		     m as (delete from tContentPlanner), n as (delete from tDefaultCategories),
		     p as (delete from tMemberAuth), q as (delete from tDefaultAccount)
		delete from operations_trail`)
	require.NoError(t, err)
	_, err = db.Pool.Exec(ctx, `delete from kept.secrets`)
	require.NoError(t, err)
	for ref, times := range w.secrets {
		_, err = db.Pool.Exec(ctx, `insert into kept.secrets (ref, key_id, sealed, updated_at, expires_at) values ($1, 'k', '', $2, nullif($3, '0001-01-01'::timestamptz))`,
			ref, times.Taken, times.Expires)
		require.NoError(t, err)
	}
	var accounts, posts, directory, operations []projections.Event
	for _, ev := range w.events {
		if _, ok := ev.Data.(domain.AccountRead); ok {
			accounts = append(accounts, ev)
		} else {
			posts = append(posts, ev)
		}
	}
	for _, entity := range w.directory {
		directory = append(directory, projections.Event{Recorded: domain.Recorded{
			Key: domain.DirectoryKey(entity.EntityKind(), entity.EntityID()), Data: entity,
		}})
	}
	for i, state := range w.states {
		operations = append(operations, projections.Event{Recorded: domain.Recorded{
			Key: agencyA, Offset: int64(i), Envelope: domain.Envelope{ID: fmt.Sprint("s", i)}, Data: state,
		}})
	}
	fold(t, db, projections.AccountInsights{}, accounts)
	fold(t, db, projections.PostInsights{}, posts)
	fold(t, db, projections.Directory{}, directory)
	fold(t, db, projections.Operations{}, operations)
}

func fold(t require.TestingT, db *pgtest.DB, p projections.Projector, events []projections.Event) {
	ctx := context.Background()
	err := pgx.BeginFunc(ctx, db.Pool, func(tx pgx.Tx) error {
		f := p.Begin(1)
		if err := f.Load(ctx, tx, events); err != nil {
			return err
		}
		for _, ev := range events {
			if err := f.Apply(ev); err != nil {
				return err
			}
		}
		return f.Write(ctx, tx)
	})
	require.NoError(t, err)
}

// social is a social account of the drawn worlds.
type social struct {
	id       int64
	platform domain.Platform
}

var socials = []social{
	{11, domain.Facebook}, {12, domain.Facebook}, {13, domain.Instagram}, {14, domain.LinkedIn}, {15, domain.TikTok}, {16, domain.TikTok},
}

// tenants are owners; the drawn socials move between them.
var tenants = []domain.Tenant{
	{ParentAccount: agencyA, AccountID: clientA, MemberID: 1},
	{ParentAccount: agencyA, AccountID: clientC, MemberID: 2},
	{ParentAccount: agencyB, AccountID: clientB, MemberID: 3},
	{ParentAccount: agencyA, AccountID: agencyA, MemberID: 4}, // the agency's own page
}

// successor is another member of client A.
const successor = 5

// tenantPeople are the accounts and members of the tenants.
func tenantPeople() []domain.DirectoryEntity {
	entities := []domain.DirectoryEntity{domain.DirectoryMember{ID: successor, AccountID: clientA, Name: "member 5", Active: true}}
	for _, t := range tenants {
		entities = append(entities, domain.DirectoryMember{ID: t.MemberID, AccountID: t.AccountID, Name: fmt.Sprint("member ", t.MemberID), Active: true})
		account := domain.DirectoryAccount{ID: t.AccountID, ParentAccount: t.ParentAccount}
		if t.AccountID == t.ParentAccount {
			account.ParentAccount = ""
		}
		entities = append(entities, account)
	}
	return append(entities, domain.DirectoryAccount{ID: agencyB})
}

func tenantOf(t domain.Tenant, social int64) domain.Tenant {
	t.SocialAccount = social
	return t
}

// seasons are the first days of worlds: the clocks change a few days later somewhere.
var seasons = []time.Time{
	time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC),   // New York, and Havana at midnight: 8 March
	time.Date(2026, 3, 25, 0, 0, 0, 0, time.UTC),  // Berlin, and Beirut at midnight: 29 March; a month ends
	time.Date(2026, 10, 29, 0, 0, 0, 0, time.UTC), // New York, Havana: 1 November; a month ends
	time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC),   // Lord Howe, by half an hour: 5 April
}

var zoneNames = []string{
	"UTC", "UTC", "Europe/Berlin", "America/New_York", "America/Havana", "Asia/Beirut", "Asia/Kolkata",
	"Australia/Lord_Howe", "Pacific/Kiritimati", "Pacific/Pago_Pago",
}

const worldDays = 10

func zone(t require.TestingT, name string) *time.Location {
	z, err := time.LoadLocation(name)
	require.NoError(t, err)
	return z
}

// drawInstant draws times that fall on and around the starts of days in the zones.
func drawInstant(t *rapid.T, season time.Time) time.Time {
	at := season.Add(time.Duration(rapid.IntRange(0, worldDays*48).Draw(t, "half hour")) * 30 * time.Minute)
	return at.Add(time.Duration(rapid.SampledFrom([]int{0, 0, 0, -1, 1, 700_000_000}).Draw(t, "micros")) * time.Microsecond)
}

// drawQuery draws a range of whole days or of instants, a zone, platforms and a scope.
func drawQuery(t *rapid.T, season time.Time) (readmodels.Scope, readmodels.RangeQuery) {
	q := readmodels.RangeQuery{Range: readmodels.Range{Zone: zone(t, rapid.SampledFrom(zoneNames).Draw(t, "zone"))}}
	if rapid.IntRange(0, 3).Draw(t, "instants") == 0 {
		q.Range.From = drawInstant(t, season)
		q.Range.To = q.Range.From.Add(time.Duration(rapid.IntRange(1, 300).Draw(t, "length")) * 37 * time.Minute)
	} else {
		first := season.AddDate(0, 0, rapid.IntRange(0, worldDays).Draw(t, "first day"))
		q.Range.From = firstInstant(first, q.Range.Zone)
		q.Range.To = firstInstant(first.AddDate(0, 0, rapid.IntRange(1, worldDays).Draw(t, "days")), q.Range.Zone)
	}
	if rapid.IntRange(0, 2).Draw(t, "dated") > 0 { // as often as not before its end, or before all of it
		q.Range.Now = drawInstant(t, season)
	}
	q.Platforms = domain.Platforms()
	if rapid.IntRange(0, 3).Draw(t, "one platform") == 0 {
		q.Platforms = []domain.Platform{rapid.SampledFrom(domain.Platforms()).Draw(t, "platform")}
	}
	q.Granularity = rapid.SampledFrom([]readmodels.Granularity{"", readmodels.ByDay, readmodels.ByWeek, readmodels.ByMonth}).Draw(t, "granularity")
	if rapid.IntRange(0, 3).Draw(t, "of a member") == 0 {
		q.Member = rapid.SampledFrom([]int64{1, 2, 3, 4, successor, 99}).Draw(t, "member")
	}
	scope := rapid.SampledFrom([]readmodels.Scope{
		{ParentAccount: agencyA},
		{ParentAccount: agencyA, Accounts: []string{clientA}},
		{ParentAccount: agencyA, Accounts: []string{clientA, clientC}},
		{ParentAccount: agencyA, Accounts: []string{}},
		{ParentAccount: agencyB},
		{ParentAccount: agencyB, Accounts: []string{clientA}}, // of another agency: nothing
	}).Draw(t, "scope")
	return scope, q
}

// drawWorld draws social accounts with their present owners and readings of the past and present ones.
func drawWorld(t *rapid.T, season time.Time) *world {
	w := &world{directory: tenantPeople()}
	owners := map[int64]domain.Tenant{}
	for _, s := range socials {
		owners[s.id] = tenantOf(rapid.SampledFrom(tenants).Draw(t, "owner"), s.id)
		w.directory = append(w.directory, domain.DirectorySocialAccount{
			ID: s.id, ParentAccount: owners[s.id].ParentAccount, AccountID: owners[s.id].AccountID, MemberID: owners[s.id].MemberID,
			ConnectionID: s.id, Platform: s.platform, ExternalID: "x", Name: fmt.Sprint("page ", s.id), Connected: true,
		})
	}
	taken := map[string]bool{}
	for i := range rapid.IntRange(0, 40).Draw(t, "readings") {
		s := rapid.SampledFrom(socials).Draw(t, "social")
		at := drawInstant(t, season)
		if rapid.IntRange(0, 5).Draw(t, "long ago") == 0 {
			at = at.AddDate(0, 0, -rapid.SampledFrom([]int{15, 45, 750}).Draw(t, "days ago"))
		}
		if key := fmt.Sprint(s.id, at); taken[key] {
			continue
		} else {
			taken[key] = true
		}
		owner := owners[s.id]
		if rapid.IntRange(0, 5).Draw(t, "moved") == 0 {
			owner = tenantOf(rapid.SampledFrom(tenants).Draw(t, "former owner"), s.id)
		}
		if rapid.IntRange(0, 5).Draw(t, "successor") == 0 && owner.AccountID == clientA {
			owner.MemberID = successor
		}
		w.add(fmt.Sprintf("e%03d", i), domain.AccountRead{
			Tenant: owner, Platform: s.platform, CapturedAt: at, Figures: drawFigures(t, s.platform, at),
			Backfilled: rapid.IntRange(0, 5).Draw(t, "backfilled") == 0, // says how it was read, not what it counts
		})
	}
	if n := len(w.events); n > 0 && rapid.Bool().Draw(t, "duplicate") {
		w.events = append(w.events, w.events[rapid.IntRange(0, n-1).Draw(t, "which")])
	}
	slices.Reverse(w.events) // arrival is not capture
	return w
}
