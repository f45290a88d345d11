package analytics_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

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
		member := domain.DirectoryMember{ID: t.MemberID, AccountID: t.AccountID, Name: fmt.Sprint("member ", t.MemberID), Active: true}
		if t.MemberID%2 == 1 { // the others are no users
			member.UserID = fmt.Sprintf("%024d", t.MemberID)
		}
		entities = append(entities, member)
		account := domain.DirectoryAccount{ID: t.AccountID, ParentAccount: t.ParentAccount, Name: "account " + t.AccountID[:2]}
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
func drawQuery(t *rapid.T, season time.Time) (readmodels.Scope, analytics.RangeQuery) {
	q := analytics.RangeQuery{Range: analytics.Range{Zone: zone(t, rapid.SampledFrom(zoneNames).Draw(t, "zone"))}}
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
	q.Granularity = rapid.SampledFrom([]analytics.Granularity{"", analytics.ByDay, analytics.ByWeek, analytics.ByMonth}).Draw(t, "granularity")
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
	w := &world{Directory: tenantPeople()}
	owners := map[int64]domain.Tenant{}
	for _, s := range socials {
		owners[s.id] = tenantOf(rapid.SampledFrom(tenants).Draw(t, "owner"), s.id)
		w.Directory = append(w.Directory, domain.DirectorySocialAccount{
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
		w.Add(fmt.Sprintf("e%03d", i), domain.AccountRead{
			Tenant: owner, Platform: s.platform, CapturedAt: at, Figures: drawFigures(t, s.platform, at),
			Backfilled: rapid.IntRange(0, 5).Draw(t, "backfilled") == 0, // says how it was read, not what it counts
		})
	}
	if n := len(w.Events); n > 0 && rapid.Bool().Draw(t, "duplicate") {
		w.Events = append(w.Events, w.Events[rapid.IntRange(0, n-1).Draw(t, "which")])
	}
	slices.Reverse(w.Events) // arrival is not capture
	return w
}
