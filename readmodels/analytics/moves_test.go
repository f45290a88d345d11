package analytics_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// Alice's page is transferred to Bob: for queries about Alice, the sources say why there are no new
// readings.
func TestSourcesOfTransferredPageExplainMissingReadings(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	const alice, bob = 1, successor
	handed := page(11, domain.Facebook)
	handed.MemberID = bob
	w := &world{Directory: append(tenantPeople(), handed, domain.DirectorySubscription{ID: 1, AccountID: clientA, StartsAt: at("2026-01-01 00:00")})}
	published := at("2026-05-01 10:00")
	for when, one := range map[string]struct{ likes, member int64 }{
		"2026-05-31 10:00": {10, alice}, "2026-06-10 10:00": {15, alice}, "2026-06-20 10:00": {40, bob}, "2026-06-25 10:00": {45, bob},
	} {
		tenant := tenantOf(tenants[0], 11)
		tenant.MemberID = one.member
		w.Add("r"+when, registered(tenant, domain.Facebook, "p", at(when), &published))
		w.Add("p"+when, readPost(tenant, domain.Facebook, "p", at(when), &published, domain.Counts{Likes: &one.likes}))
	}
	w.Fold(t, db)
	for member, want := range map[int64]analytics.Source{
		0:     {Status: analytics.SourceOK, Reasons: []domain.StatusReason{}},
		alice: {Status: analytics.SourcePartial, Reasons: because(domain.StatusLeftMember)},
		bob:   {Status: analytics.SourceOK, Reasons: []domain.StatusReason{}},
	} {
		query := onFacebook(june)
		query.Member = member
		likes, meta := ask(t, db, (*analytics.Analytics).PostsLikes, wholeAgency, query)
		require.Equal(t, map[int64]int64{0: 35, alice: 5, bob: 30}[member], *likes.Total.Likes.Value)
		require.EqualValues(t, bob, likes.Posts[0].MemberID)
		require.Len(t, meta.Sources, 1)
		require.Equal(t, want, analytics.Source{Status: meta.Sources[0].Status, Reasons: meta.Sources[0].Reasons})
		require.Equal(t, at(map[int64]string{0: "2026-06-25 10:00", alice: "2026-06-10 10:00", bob: "2026-06-25 10:00"}[member]), *meta.Sources[0].LastRead)
	}
}

// Page 11 moves from one client to the other. Both count its followers in June, and each answer
// says so; neither is compared with the other client's figures. The former client still sees its
// name.
func TestFollowersOfMovedPageCountForBothClients(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: append(tenantPeople(), ownedPage(tenants[1], 11, domain.Facebook), page(12, domain.Facebook), ownedPage(tenants[1], 13, domain.Facebook))}
	for i, one := range []struct {
		owner, social int
		when          string
		followers     int64
	}{
		{0, 11, "2026-05-31 09:00", 1000},
		{0, 11, "2026-06-10 09:00", 1010},
		{1, 11, "2026-06-20 09:00", 1015},
		{1, 11, "2026-06-29 09:00", 1030},
		{0, 12, "2026-05-31 09:00", 200},
		{0, 12, "2026-06-29 09:00", 210},
		{1, 13, "2026-05-31 09:00", 50},
		{1, 13, "2026-06-29 09:00", 60},
	} {
		r := read(domain.Facebook, at(one.when), people(one.followers))
		r.Tenant = tenantOf(tenants[one.owner], int64(one.social))
		w.Add(fmt.Sprint(i), r)
	}
	w.Fold(t, db)
	lost, meta := ask(t, db, (*analytics.Analytics).AccountFollowers, ofClient(clientA), onFacebook(june))
	require.Equal(t, new(int64(1010+210)), lost.Total.Followers.Value)
	require.Nil(t, lost.Total.SameAccounts, "it had both before June and in June")
	require.Equal(t, analytics.MovedAway{Accounts: 1, Followers: 1010}, lost.Total.MovedAway)
	require.EqualValues(t, "page 11", meta.Sources[0].Name)
	won, _ := ask(t, db, (*analytics.Analytics).AccountFollowers, ofClient(clientC), onFacebook(june))
	require.Equal(t, new(int64(1030+60)), won.Total.Followers.Value)
	require.Equal(t, &analytics.SameAccounts{Accounts: 1, Previous: new(int64(50)), Change: new(int64(10)), ChangePct: new(20.0)}, won.Total.SameAccounts)
	require.Zero(t, won.Total.MovedAway)
	query := onFacebook(june)
	query.Compare = analytics.CompareNone
	won, _ = ask(t, db, (*analytics.Analytics).AccountFollowers, ofClient(clientC), query)
	require.Nil(t, won.Total.SameAccounts)
	all, _ := ask(t, db, (*analytics.Analytics).AccountFollowers, wholeAgency, onFacebook(june))
	require.Equal(t, new(int64(1030+210+60)), all.Total.Followers.Value, "once")
	require.Nil(t, all.Total.SameAccounts)
	require.Zero(t, all.Total.MovedAway)
	each, meta := ask(t, db, (*analytics.Analytics).FollowersByAccount, wholeAgency, onFacebook(june))
	require.Len(t, meta.Sources, 3)
	require.Len(t, each.Accounts, 2)
	require.Equal(t, analytics.FollowersOfAccount{AccountID: clientA, FollowerSeries: lost.Total, AsOf: new(at("2026-06-29 09:00"))}, each.Accounts[0],
		"with the page that moved, and its time")
}

// A member who moved to another client has no name here; a user of another agency has no picture.
func TestMovedMemberHasNoNameForFormerClient(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	const user = "d00000000000000000000001"
	moved := tenants[0].MemberID
	w := &world{Directory: append(tenantPeople(), page(11, domain.Facebook),
		domain.DirectoryMember{ID: moved, AccountID: clientC, UserID: user, Name: "Moved", Active: true},
		domain.DirectoryUser{ID: user, AccountID: clientB, Name: "Moved", Image: "https://img.example/of-b.png", Active: true},
	)}
	w.Add("p", domain.PostRead{
		Tenant: tenantOf(tenants[0], 11), Platform: domain.Facebook, ExternalID: "p", CapturedAt: inJune, PublishedAt: &june.From, FromZero: true,
		Counts: domain.Counts{Likes: new(int64(5))},
	})
	w.Add("g", registered(tenantOf(tenants[1], 11), domain.Facebook, "p", inJune.Add(time.Hour), &june.From))
	w.Fold(t, db)
	for name, scope := range map[string]readmodels.Scope{"Moved": wholeAgency, "": ofClient(clientA)} {
		board, _ := ask(t, db, (*analytics.Analytics).Leaderboard, scope, onFacebook(june))
		require.Len(t, board.Members, 1)
		require.Equal(t, moved, board.Members[0].MemberID)
		require.EqualValues(t, name, board.Members[0].Name)
		require.Empty(t, board.Members[0].Image, "another agency's")
	}
}
