package readmodels_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/tables"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/stream"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// ConnectionNews for streams: each threshold and each rejection is in exactly one of adjoining
// windows.
func TestConnectionNewsReportsEachEventOnce(t *testing.T) {
	t.Parallel()
	log, _ := entityStage(t)
	for id := range int64(7) {
		member, connection, page := connected(id+1, domain.Facebook)
		page.Connected = page.ID != 5
		if page.ID == 7 {
			member.AccountID, page.ParentAccount, page.AccountID = clientB, agencyB, clientB
		}
		log.Put(t, member, connection, page)
	}
	_, _, another := connected(11, domain.Facebook)
	another.MemberID, another.ConnectionID = 1, 101 // of the connection of another page, with the same member
	log.Put(t, another)
	end := entityDay.AddDate(0, 0, 60)
	for id, times := range map[int64]domain.SecretTimes{
		1: {Taken: entityDay, RenewableUntil: end},
		// signed in when fewer than 14 days remained
		2: {Taken: end.AddDate(0, 0, -10), RenewableUntil: end},
		3: {Taken: entityDay},                      // the platform reports no expiry
		4: {Taken: entityDay, RenewableUntil: end}, // rejected since then
		5: {Taken: entityDay, RenewableUntil: end}, // disconnected
		6: {Taken: entityDay.Add(2 * time.Hour)},   // signed in after the rejection
		7: {Taken: entityDay, RenewableUntil: end}, // another agency's
	} {
		store(t, log, fmt.Sprint("connection/", id), times)
	}
	refused := entityDay.Add(time.Hour)
	for _, connection := range []int64{104, 106} {
		require.NoError(t, log.Append(t.Context(), commands.NewDraft(domain.TopicOperations, agencyA, domain.ConnectionStateChanged{
			ConnectionID: connection, Platform: domain.Facebook, Code: domain.StatusRefused, At: refused,
		}, refused)))
	}

	notices := readmodels.Notices{Pool: log.DB.ReadOnly}
	var news []string
	for day := range 61 {
		from := entityDay.AddDate(0, 0, day)
		list, err := notices.ConnectionNews(t.Context(), []string{agencyA}, from, from.AddDate(0, 0, 1))
		require.NoError(t, err)
		for _, n := range list {
			require.Equal(t, stream.ConnectionNews{
				ParentAccount: agencyA, AccountID: clientA, MemberID: n.ConnectionID - 100, ConnectionID: n.ConnectionID,
				Platform: domain.Facebook, At: n.At, SignInBefore: n.SignInBefore,
			}, n)
			what := "refused"
			if n.SignInBefore != nil {
				require.True(t, end.Equal(*n.SignInBefore))
				what = fmt.Sprint(end.Sub(n.At).Hours()/24, " days")
			}
			news = append(news, fmt.Sprint(n.ConnectionID, " ", what))
		}
	}
	require.Equal(t, []string{"104 refused", "101 14 days", "101 7 days", "102 7 days", "101 1 days", "102 1 days"}, news)
}

// Notices of lost access are found by agency and by user; listeners start at the newest record.
func TestAccessNoticesAreFoundByAgencyAndUser(t *testing.T) {
	t.Parallel()
	p := newPast(t)
	for _, users := range [][]string{{nina, sam}, {sam}} {
		require.True(t, p.put(stella, domain.UpdateDashboard{Primary: north, Users: &users, AllowClientDashboard: new(true)}))
	}
	notices := readmodels.Notices{Pool: p.DB.ReadOnly}
	heads, err := notices.Heads(t.Context(), []string{agencyA, agencyB})
	require.NoError(t, err)
	head := heads[agencyA]
	require.Equal(t, map[string]int64{agencyA: head}, heads, "the other agency has no records")
	require.Positive(t, head)
	for user, want := range map[string]int64{nina: head, sam: 0} {
		since, err := notices.Since(t.Context(), stream.Cursor{ParentAccount: agencyA, UserID: user, Version: head - 1}, time.Time{}, 10)
		require.NoError(t, err)
		if want == 0 {
			require.Empty(t, since, user)
			continue
		}
		require.Len(t, since, 1)
		require.Equal(t, []any{user, want}, []any{since[0].UserID, since[0].Version})
	}
}

// With LEDGERBOARD_SUBSCRIPTIONS=none, an account without a subscription is read and may be
// connected; otherwise not.
func TestSubscriptionRequirementIsConfigurable(t *testing.T) {
	t.Parallel()
	log, _ := entityStage(t)
	putConnected(t, log, 1, domain.Facebook)
	queue := domain.FetchQueue{Platform: domain.Facebook, Kind: domain.FetchAccounts}
	for value, none := range map[string]bool{"": false, "required": false, readmodels.SubscriptionsNone: true} {
		config := pg.Config{URL: log.DB.URL, SearchPath: tables.Views(), Name: "subscriptions " + value, ReadOnly: true, MaxConns: 2}
		if value != "" {
			config.Params = map[string]string{readmodels.SubscriptionsParam: value}
		}
		pool, err := pg.Open(t.Context(), config)
		require.NoError(t, err)
		t.Cleanup(pool.Close)

		names, err := directory.Connecting{Pool: pool}.ActiveNames(t.Context(), agencyA, clientA, entityDay)
		require.NoError(t, err)
		require.Equal(t, none, names.Subscribed, value)
		due, _, err := directory.Connections{Pool: pool}.Backlog(t.Context(), queue, entityDay)
		require.NoError(t, err)
		require.Equal(t, none, due == 1, value)
		claim, err := directory.Connections{Pool: pool}.Claim(t.Context(), domain.FetchWanted{FetchQueue: queue, Limit: 5, Lasts: time.Minute}, entityDay)
		require.NoError(t, err)
		require.Equal(t, none, len(claim.Tasks) == 1, value)
		task, err := directory.Connections{Pool: pool}.Task(t.Context(), queue, 1, entityDay.Add(time.Hour))
		require.NoError(t, err)
		require.Equal(t, none, task.SubscriptionActive, "%q: what is read says so too", value)
	}
}
