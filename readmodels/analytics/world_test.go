package analytics_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

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

func zone(name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return z
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

const (
	agencyA = ledgertest.AgencyA
	agencyB = ledgertest.AgencyB
	clientA = ledgertest.ClientA
	clientB = ledgertest.ClientB
	clientC = ledgertest.ClientC
)

type world = ledgertest.World
