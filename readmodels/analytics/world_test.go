package analytics_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
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

// tenants are owners; the drawn social accounts move between them.
var tenants = []domain.Tenant{
	{ParentAccount: agencyA, AccountID: clientA, MemberID: 1},
	{ParentAccount: agencyA, AccountID: clientC, MemberID: 2},
	{ParentAccount: agencyB, AccountID: clientB, MemberID: 3},
	{ParentAccount: agencyA, AccountID: agencyA, MemberID: 4}, // the agency's own page
}

// successor is another member of client A.
const successor = 5

// tenantPeople returns the accounts and members of the tenants.
func tenantPeople() []domain.DirectoryEntity {
	entities := []domain.DirectoryEntity{domain.DirectoryMember{ID: successor, AccountID: clientA, Name: "member 5", Active: true}}
	for _, t := range tenants {
		member := domain.DirectoryMember{ID: t.MemberID, AccountID: t.AccountID, Name: fmt.Sprint("member ", t.MemberID), Active: true}
		if t.MemberID%2 == 1 { // the others are not users
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

// june is the range of most examples.
var (
	june        = analytics.Range{From: at("2026-06-01 00:00"), To: at("2026-07-01 00:00"), Zone: time.UTC}
	inJune      = at("2026-06-10 09:30")
	wholeAgency = readmodels.Scope{ParentAccount: agencyA}
)

func ofClient(accounts ...string) readmodels.Scope {
	return readmodels.Scope{ParentAccount: agencyA, Accounts: accounts}
}

func onFacebook(r analytics.Range) analytics.RangeQuery {
	return analytics.RangeQuery{Range: r, Platforms: []domain.Platform{domain.Facebook}}
}

func everywhere(r analytics.Range) analytics.RangeQuery {
	return analytics.RangeQuery{Range: r, Platforms: domain.Platforms()}
}

// endpoint is a method of [analytics.Analytics].
type endpoint[R any] = func(*analytics.Analytics, context.Context, readmodels.Scope, analytics.RangeQuery) (R, analytics.Meta, error)

// ask requires an answer without error.
func ask[R any](t *testing.T, db *pgtest.DB, example endpoint[R], scope readmodels.Scope, query analytics.RangeQuery) (R, analytics.Meta) {
	t.Helper()
	got, meta, err := example(&analytics.Analytics{Pool: db.ReadOnly}, t.Context(), scope, query)
	require.NoError(t, err)
	return got, meta
}

func at(text string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

// page returns a connected social account of agency A's first client.
func page(id int64, p domain.Platform) domain.DirectorySocialAccount {
	return ownedPage(tenants[0], id, p)
}

func ownedPage(owner domain.Tenant, id int64, p domain.Platform) domain.DirectorySocialAccount {
	return domain.DirectorySocialAccount{
		ID: id, ParentAccount: owner.ParentAccount, AccountID: owner.AccountID, MemberID: owner.MemberID,
		ConnectionID: id, Platform: p, ExternalID: "x", Name: fmt.Sprint("page ", id), Connected: true,
	}
}

func counter(name string, v int64) domain.Figure {
	return domain.Figure{Name: name, Kind: domain.Cumulative, Value: v, Source: name + "_count"}
}

func people(v int64) domain.Figure {
	return domain.Figure{Name: domain.MetricFollowers, Kind: domain.Stock, Value: v, Source: "followers_count"}
}

func flow(name, day string, v int64) domain.Figure {
	return domain.Figure{Name: name, Kind: domain.DayFlow, Value: v, Source: name, Day: day}
}

func reach(window, day string, v int64) domain.Figure {
	return domain.Figure{Name: domain.MetricReach, Kind: domain.Rolling, Value: v, Source: "reach", Day: day, Window: window}
}

// flows returns a flow for each day of [from, to).
func flows(name, from, to string, value func(day time.Time) int64) (days []domain.Figure) {
	for d := at(from + " 00:00"); d.Before(at(to + " 00:00")); d = d.AddDate(0, 0, 1) {
		days = append(days, flow(name, d.Format(time.DateOnly), value(d)))
	}
	return days
}

// read returns a reading of the social account 11, and readOf of another one.
func read(p domain.Platform, at time.Time, figures ...domain.Figure) domain.AccountRead {
	return readOf(11, p, at, figures...)
}

func readOf(social int64, p domain.Platform, at time.Time, figures ...domain.Figure) domain.AccountRead {
	return domain.AccountRead{Tenant: tenantOf(tenants[0], social), Platform: p, CapturedAt: at, Figures: figures}
}

// readPost returns a reading of a post.
func readPost(owner domain.Tenant, p domain.Platform, id string, at time.Time, published *time.Time, c domain.Counts) domain.PostRead {
	return domain.PostRead{Tenant: owner, Platform: p, ExternalID: id, CapturedAt: at, PublishedAt: published, Counts: c}
}

// registered returns a post as listed.
func registered(example domain.Tenant, p domain.Platform, id string, at time.Time, published *time.Time) domain.PostRegistered {
	return domain.PostRegistered{
		Tenant: example, Platform: p, ExternalID: id, Origin: domain.OriginListing, RegisteredAt: at, PublishedAt: published,
	}
}

func tenantOf(t domain.Tenant, social int64) domain.Tenant {
	t.SocialAccount = social
	return t
}

// seasons are the first days of worlds: clocks change somewhere a few days later.
var seasons = []time.Time{
	time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC), // New York, and Havana at midnight: March 8
	// Berlin, and Beirut at midnight: March 29; a month ends
	time.Date(2026, 3, 25, 0, 0, 0, 0, time.UTC),
	time.Date(2026, 10, 29, 0, 0, 0, 0, time.UTC), // New York, Havana: November 1; a month ends
	time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC),   // Lord Howe, by half an hour: April 5
}

var zoneNames = []string{
	"UTC", "UTC", "Europe/Berlin", "America/New_York", "America/Havana", "Asia/Beirut", "Asia/Kolkata",
	"Australia/Lord_Howe", "Pacific/Kiritimati", "Pacific/Pago_Pago",
}

const worldDays = 10

func zone(name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return z
}

// drawInstant draws times at and around the starts of days in the zones.
func drawInstant(t *rapid.T, season time.Time) time.Time {
	at := season.Add(time.Duration(rapid.IntRange(0, worldDays*48).Draw(t, "half hour")) * 30 * time.Minute)
	return at.Add(time.Duration(rapid.SampledFrom([]int{0, 0, 0, -1, 1, 700_000_000}).Draw(t, "micros")) * time.Microsecond)
}

// drawQuery draws a range of whole days or of instants, a zone, platforms and a scope.
func drawQuery(t *rapid.T, season time.Time) (readmodels.Scope, analytics.RangeQuery) {
	q := analytics.RangeQuery{Range: analytics.Range{Zone: zone(rapid.SampledFrom(zoneNames).Draw(t, "zone"))}}
	if rapid.IntRange(0, 3).Draw(t, "instants") == 0 {
		q.Range.From = drawInstant(t, season)
		q.Range.To = q.Range.From.Add(time.Duration(rapid.IntRange(1, 300).Draw(t, "length")) * 37 * time.Minute)
	} else {
		first := season.AddDate(0, 0, rapid.IntRange(0, worldDays).Draw(t, "first day"))
		q.Range.From = firstInstant(first, q.Range.Zone)
		q.Range.To = firstInstant(first.AddDate(0, 0, rapid.IntRange(1, worldDays).Draw(t, "days")), q.Range.Zone)
	}
	if rapid.IntRange(0, 3).Draw(t, "long") == 0 {
		q.Range.From = q.Range.From.AddDate(0, 0, -21)
	}
	// half of the time before its end, or before all of it
	if rapid.IntRange(0, 2).Draw(t, "dated") > 0 {
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

// drawWorld draws social accounts with current owners and readings of past and current ones.
func drawWorld(t *rapid.T, season time.Time) *world {
	w := &world{Directory: tenantPeople()}
	owners := map[int64]domain.Tenant{}
	for _, s := range socials {
		owners[s.id] = tenantOf(rapid.SampledFrom(tenants).Draw(t, "owner"), s.id)
		w.Directory = append(w.Directory, ownedPage(owners[s.id], s.id, s.platform))
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
			// affects how it was read, not its figures
			Backfilled: rapid.IntRange(0, 5).Draw(t, "backfilled") == 0,
		})
	}
	if n := len(w.Events); n > 0 && rapid.Bool().Draw(t, "duplicate") {
		w.Events = append(w.Events, w.Events[rapid.IntRange(0, n-1).Draw(t, "which")])
	}
	slices.Reverse(w.Events) // order of arrival differs from order of capture
	return w
}

// drawFigures draws the figures of one reading: every kind, some of them missing.
func drawFigures(t *rapid.T, p domain.Platform, at time.Time) []domain.Figure {
	var figures []domain.Figure
	add := func(name string, kind domain.Kind, source, day, window string) {
		if rapid.IntRange(0, 4).Draw(t, "absent") == 0 {
			return
		}
		figures = append(figures, domain.Figure{
			Name: name, Kind: kind, Value: rapid.Int64Range(0, 500).Draw(t, name), Source: source, Day: day, Window: window,
		})
	}
	flows := func(source string, names ...string) {
		// a history is read at once
		days := rapid.SampledFrom([]int{1, 3, 3, 3, worldDays}).Draw(t, "days")
		for ago := days; ago >= 1; ago-- {
			for _, name := range names {
				add(name, domain.DayFlow, source, at.AddDate(0, 0, -ago).Format(time.DateOnly), "")
			}
		}
	}
	switch p {
	case domain.Facebook, domain.Instagram:
		add(domain.MetricFollowers, domain.Stock, rapid.SampledFrom([]string{"followers_count", "page_follows"}).Draw(t, "source"), "", "")
		flows("page_media_view", domain.MetricImpressions, domain.MetricViews)
		flows("page_post_engagements", domain.MetricEngagement)
		if rapid.IntRange(0, 3).Draw(t, "counter too") == 0 {
			// day flows take precedence
			add(domain.MetricEngagement, domain.Cumulative, "counter", "", "")
		}
		for _, ago := range []int{2, 1} {
			add(domain.MetricReach, domain.Rolling, "page_reach", at.AddDate(0, 0, -ago).Format(time.DateOnly), "day")
		}
		add(domain.MetricReach, domain.Rolling, "page_reach", at.AddDate(0, 0, -1).Format(time.DateOnly), "days_3")
		add(domain.MetricReach, domain.Rolling, "page_reach", at.AddDate(0, 0, -1).Format(time.DateOnly), "week")
	case domain.LinkedIn:
		add(domain.MetricFollowers, domain.Stock, "firstDegreeSize", "", "")
		flows("totalShareStatistics", domain.MetricEngagement)
		add(domain.MetricImpressions, domain.Rolling, "impressionCount", "", "months_12")
		add(domain.MetricEngagement, domain.Rolling, "lifetime", "", "months_12")
		add(domain.MetricReach, domain.Rolling, "uniqueImpressionsCount", "", "months_12")
	case domain.TikTok:
		add(domain.MetricFollowers, domain.Stock, "follower_count", "", "")
		add(domain.MetricPosts, domain.Stock, "video_count", "", "")
		add(domain.MetricLikes, domain.Cumulative, "likes_count", "", "")
		add(domain.MetricEngagement, domain.Cumulative, "likes_count", "", "")
		// No platform counts impressions or views cumulatively; the kind must still work.
		add(domain.MetricImpressions, domain.Cumulative, "counter", "", "")
		if rapid.IntRange(0, 3).Draw(t, "account views") == 0 {
			add(domain.MetricViews, domain.Cumulative, "counter", "", "")
		}
	}
	return figures
}

// A percentage is rounded once, half away from zero, despite binary fractions.
func TestPercentagesAreRoundedHalfAwayFromZero(t *testing.T) {
	t.Parallel()
	for _, example := range []struct {
		part, whole int64
		want        float64
	}{
		{39, 20000, 0.2}, {-39, 20000, -0.2}, {38, 20000, 0.19}, {201, 20000, 1.01}, {-201, 20000, -1.01}, {1, 3, 33.33},
	} {
		require.Equal(t, new(example.want), analytics.Percent(example.part, example.whole), "%d of %d", example.part, example.whole)
	}
	require.Nil(t, analytics.Percent(1, 0))
	require.Nil(t, analytics.Percent(1, -5))
}

func TestMain(m *testing.M) { pgtest.Main(m) }

func exec(t *testing.T, db *pgtest.DB, sql string, args ...any) {
	t.Helper()
	ledgertest.Exec(t, db.Pool, sql, args...)
}

const (
	agencyA = ledgertest.AgencyA
	agencyB = ledgertest.AgencyB
	clientA = ledgertest.ClientA
	clientB = ledgertest.ClientB
	clientC = ledgertest.ClientC
)

type world = ledgertest.World
