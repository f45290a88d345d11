package analytics_test

import (
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

// subscribed is the subscription that an agency needs to be read.
var subscribed = domain.DirectorySubscription{ID: 1, AccountID: agencyA, StartsAt: june.From}

// about returns reasons with the same code about metrics of accounts.
func about(code domain.StatusCode, metrics ...string) (reasons []domain.StatusReason) {
	for _, metric := range metrics {
		reasons = append(reasons, domain.StatusReason{Code: code, Figures: domain.FiguresOfAccount, Metric: metric})
	}
	return reasons
}

// aboutPosts is about, for metrics of posts.
func aboutPosts(code domain.StatusCode, metrics ...string) []domain.StatusReason {
	reasons := about(code, metrics...)
	for i := range reasons {
		reasons[i].Figures = domain.FiguresOfPosts
	}
	return reasons
}

func daysOf(metric string, days, of int) []domain.StatusReason {
	return []domain.StatusReason{{Code: domain.StatusDaysMissing, Figures: domain.FiguresOfAccount, Metric: metric, Days: days, Of: of}}
}

func because(code domain.StatusCode) []domain.StatusReason {
	return []domain.StatusReason{{Code: code}}
}

// Every missing figure has a reason: meta for one Facebook page in every condition.
func TestSourcesGiveReasonsForMissingFigures(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t) // sequential: a database for each takes longer than the tests
	type readings []domain.AccountRead
	one := func(time.Time) int64 { return 1 }
	all := append([]domain.Figure{people(5)}, flows(domain.MetricEngagement, "2026-06-01", "2026-07-01", one)...)
	whole := readings{read(domain.Facebook, inJune, all...)}
	ofDay := func(day string) readings {
		return readings{read(domain.Facebook, inJune, people(5), flow(domain.MetricEngagement, day, 1))}
	}
	counted := func(at time.Time, v int64) domain.AccountRead {
		return read(domain.Facebook, at, people(5), flow(domain.MetricEngagement, at.Format(time.DateOnly), v))
	}
	counters := func(at time.Time, v int64) domain.AccountRead {
		return read(domain.TikTok, at, people(5), counter(domain.MetricEngagement, v))
	}
	lacking := read(domain.Facebook, inJune, all[0])
	lacking.Missing = []domain.MissingFigure{{Name: domain.MetricEngagement, Code: domain.StatusPermission}}
	empty := read(domain.Facebook, inJune, all[0])
	empty.Missing = []domain.MissingFigure{{Name: domain.MetricEngagement, Code: domain.StatusNoData}}
	hidden := read(domain.Facebook, inJune, all[0])
	hidden.Missing = []domain.MissingFigure{{Name: domain.MetricEngagement, Code: domain.StatusNotFound}}
	nothing := read(domain.Facebook, inJune)
	nothing.Missing = []domain.MissingFigure{
		{Name: domain.MetricFollowers, Code: domain.StatusUnsupportedMetric}, {Name: domain.MetricEngagement, Code: domain.StatusUnsupportedMetric},
	}
	connected := page(11, domain.Facebook)
	disconnected, disconnectedHere, moved := connected, connected, connected
	disconnected.Connected, disconnectedHere.Connected = false, false
	disconnectedHere.Ended = domain.StatusEndedByAgency
	erased := disconnected
	erased.Ended = domain.StatusErased
	disconnectedAfter := disconnectedHere
	disconnectedAfter.UpdatedAt = june.To
	later := connected
	later.CreatedAt = june.To
	moved.ParentAccount, moved.AccountID = agencyB, clientB
	in := func(from, to, now string) analytics.Range {
		r := analytics.Range{From: at(from), To: at(to), Zone: time.UTC}
		if now != "" {
			r.Now = at(now)
		}
		return r
	}
	const ok, partial = analytics.SourceOK, analytics.SourcePartial
	for name, tt := range map[string]struct {
		reads   readings
		status  analytics.SourceStatus
		reasons []domain.StatusReason
		page    domain.DirectorySocialAccount // connected by default
		states  []domain.ConnectionStateChanged
		unpaid  bool
		queried analytics.Range // June by default
	}{
		"ok": {reads: whole, status: ok},
		"a metric lacks in the newest reading": {
			reads: readings{lacking}, status: partial, reasons: about(domain.StatusPermission, domain.MetricEngagement),
		},
		"a metric lacks in the newest reading and has figures in the range": {
			reads: readings{read(domain.Facebook, inJune.Add(-time.Hour), all...), empty}, status: ok,
		},
		"a permission that ended in the range": {
			reads: readings{read(domain.Facebook, inJune.Add(-time.Hour), all...), lacking}, status: partial,
			reasons: about(domain.StatusPermission, domain.MetricEngagement),
		},
		"three days of thirty": {
			reads: readings{read(domain.Facebook, inJune, append([]domain.Figure{people(5)}, all[7:10]...)...)}, status: partial,
			reasons: daysOf(domain.MetricEngagement, 3, 30),
		},
		"a metric of another time": {
			reads: ofDay("2026-05-31"), status: partial, reasons: about(domain.StatusNothingRead, domain.MetricEngagement),
		},
		"a counter with a baseline": {
			page: page(11, domain.TikTok), reads: readings{counters(june.From.AddDate(0, 0, -20), 1), counters(inJune, 5)}, status: ok,
		},
		"a counter that was first read in the range": {
			page: page(11, domain.TikTok), status: partial,
			reads:   readings{counters(inJune, 1000), counters(inJune.Add(time.Hour), 4000), counters(at("2026-06-29 10:00"), 9000)},
			reasons: []domain.StatusReason{{Code: domain.StatusFirstReading, Figures: domain.FiguresOfAccount, Metric: domain.MetricEngagement, Day: "2026-06-10"}},
		},
		"a counter that was not read for long": {
			page: page(11, domain.TikTok), reads: readings{counters(inJune.AddDate(-2, 0, 0), 1), counters(inJune, 5)}, status: partial,
			reasons: []domain.StatusReason{
				{Code: domain.StatusLongGap, Figures: domain.FiguresOfAccount, Metric: domain.MetricFollowers, Since: "2024-06-10", Day: "2026-06-10"},
				{Code: domain.StatusLongGap, Figures: domain.FiguresOfAccount, Metric: domain.MetricEngagement, Since: "2024-06-10", Day: "2026-06-10"},
			},
		},
		"what is counted by days, in a day and a half": {
			queried: in("2026-06-09 00:00", "2026-06-10 12:00", ""), reads: ofDay("2026-06-09"), status: partial,
			reasons: daysOf(domain.MetricEngagement, 1, 2),
		},
		"what is counted by days, in two hours": {
			queried: in("2026-06-10 08:30", "2026-06-10 10:30", ""), reads: ofDay("2026-06-09"), status: partial,
			reasons: about(domain.StatusNoDayBegins, domain.MetricEngagement),
		},
		"what is counted by days, today": {
			queried: in("2026-06-10 00:00", "2026-06-11 00:00", "2026-06-10 10:30"), reads: ofDay("2026-06-09"), status: partial,
			reasons: about(domain.StatusNoDayOver, domain.MetricEngagement),
		},
		"a range to come": {
			queried: in("2026-07-01 00:00", "2026-08-01 00:00", "2026-06-10 09:30"), reads: whole, status: partial, reasons: because(domain.StatusRangeNotBegun),
		},
		"unsupported": {
			reads: readings{nothing}, status: analytics.SourceUnsupported,
			reasons: about(domain.StatusUnsupportedMetric, domain.MetricFollowers, domain.MetricEngagement),
		},
		"a metric that the platform was not asked for": {
			reads: readings{read(domain.Facebook, inJune, all[0])}, status: partial,
			reasons: about(domain.StatusUnsupportedMetric, domain.MetricEngagement),
		},
		"read, but not in the range": {
			reads: readings{counted(june.To, 5)}, status: partial, reasons: about(domain.StatusNothingRead, domain.MetricFollowers, domain.MetricEngagement),
		},
		"a metric came without a value": {
			reads: readings{empty}, status: partial, reasons: about(domain.StatusNoData, domain.MetricEngagement),
		},
		"the call for a metric found nothing": {
			reads: readings{hidden}, status: partial, reasons: about(domain.StatusNotFound, domain.MetricEngagement),
		},
		"connected after the range": {
			page: later, reads: readings{counted(june.To, 5)}, status: partial, reasons: because(domain.StatusConnectedLater),
		},
		"connected after the range, and read in it": {page: later, reads: whole, status: ok},
		"a day that was not read": {
			queried: in("2026-06-09 00:00", "2026-06-11 00:00", "2026-06-10 23:30"), reads: ofDay("2026-06-10"), status: partial,
			reasons: []domain.StatusReason{{Code: domain.StatusDayMissing, Figures: domain.FiguresOfAccount, Metric: domain.MetricEngagement, Day: "2026-06-09"}},
		},
		"never read": {status: analytics.SourceNeverRead, reasons: because(domain.StatusNotReadYet)},
		"never read without a subscription": {
			unpaid: true, status: analytics.SourceNotRead, reasons: because(domain.StatusUnsubscribed),
		},
		"no subscription in the range, and read after it": {
			unpaid: true, reads: readings{counted(june.To, 5)}, status: partial, reasons: because(domain.StatusNotSubscribed),
		},
		"disconnected": {
			page: disconnected, reads: whole, status: analytics.SourceDisconnected, reasons: because(domain.StatusEndedInMainApp),
		},
		"disconnected here, also where its token was refused before": {
			page: disconnectedHere, reads: whole,
			states: []domain.ConnectionStateChanged{{ConnectionID: disconnectedHere.ConnectionID, Code: domain.StatusRefused, At: inJune}},
			status: analytics.SourceDisconnected, reasons: because(domain.StatusEndedByAgency),
		},
		"disconnected after the range": {page: disconnectedAfter, reads: whole, status: ok},
		"disconnected after the range, and three days of thirty read": {
			page:  disconnectedAfter,
			reads: readings{read(domain.Facebook, inJune, append([]domain.Figure{people(5)}, all[7:10]...)...)}, status: partial,
			reasons: daysOf(domain.MetricEngagement, 3, 30),
		},
		"disconnected after the range without a reading": {
			page: disconnectedAfter, status: analytics.SourceNeverRead, reasons: because(domain.StatusNotReadYet),
		},
		"read after the range, and disconnected": {
			page: disconnectedHere, reads: append(readings{read(domain.Facebook, june.To, people(5))}, whole...), status: ok,
		},
		"token refused after the range": {
			reads:  whole,
			states: []domain.ConnectionStateChanged{{ConnectionID: 11, Code: domain.StatusRefused, At: june.To}},
			status: ok,
		},
		"token refused, and three days of thirty read": {
			reads:  readings{read(domain.Facebook, inJune, append([]domain.Figure{people(5)}, all[7:10]...)...)},
			states: []domain.ConnectionStateChanged{{ConnectionID: 11, Code: domain.StatusRefused, At: inJune}},
			status: analytics.SourceReconnect, reasons: append(because(domain.StatusRefused), daysOf(domain.MetricEngagement, 3, 30)...),
		},
		"left out by a consent in the range, and by another one after it": {
			reads: whole,
			states: []domain.ConnectionStateChanged{{
				ConnectionID: 11, SocialAccount: 11, Code: domain.StatusLeftOut, At: june.To.Add(time.Hour), Since: &inJune,
			}},
			status: analytics.SourceReconnect, reasons: because(domain.StatusLeftOut),
		},
		"token accepted again": {reads: whole, states: []domain.ConnectionStateChanged{
			{ConnectionID: 11, Code: domain.StatusRefused, At: inJune}, {ConnectionID: 11, At: inJune.Add(time.Second)},
		}, status: ok},
		"moved to another agency": {
			page: moved, reads: whole, status: partial, reasons: because(domain.StatusLeftAccount),
		},
		"moved to another agency after the range": {
			page: moved, reads: append(readings{counted(june.To, 5)}, whole...), status: ok,
		},
		"moved to another agency after the range, and three days of thirty read": {
			page: moved, reads: readings{
				read(domain.Facebook, inJune, append([]domain.Figure{people(5)}, all[7:10]...)...),
				read(domain.Facebook, june.To, people(5)),
			}, status: partial, reasons: daysOf(domain.MetricEngagement, 3, 30),
		},
		"disconnected because a person was erased": {
			page: erased, reads: whole, status: analytics.SourceDisconnected, reasons: because(domain.StatusErased),
		},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.page.ID == 0 {
				tt.page = connected
			}
			if tt.queried.Zone == nil {
				tt.queried = june
			}
			w := &world{Directory: []domain.DirectoryEntity{tt.page}, States: tt.states}
			if !tt.unpaid {
				w.Directory = append(w.Directory, subscribed)
			}
			for i, r := range tt.reads {
				w.Add(fmt.Sprint(i), r)
			}
			w.Fold(t, db)
			_, meta := ask(t, db, (*analytics.Analytics).AccountInsights, wholeAgency, everywhere(tt.queried))
			require.Len(t, meta.Sources, 1)
			got := meta.Sources[0]
			require.Equal(t, tt.status, got.Status)
			require.Equal(t, append([]domain.StatusReason{}, tt.reasons...), got.Reasons)
			require.EqualValues(t, domain.TextOf(tt.reasons, domain.APIText, domain.StatusNouns{}), got.Text)
			require.Equal(t, clientA, got.AccountID)
			require.Equal(t, tt.page.ParentAccount == agencyA, got.Name == "page 11", "the name now belongs to another agency")
		})
	}
}

// A missing figure names the scope that was not granted, whatever the newest reading says.
func TestSourcesNameTheScopeThatWasNotGranted(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	connected := page(11, domain.Facebook)
	connected.ConnectionID = 101
	lacking := read(domain.Facebook, inJune, people(5))
	lacking.Missing = []domain.MissingFigure{{Name: domain.MetricEngagement, Code: domain.StatusNoData}}
	w := &world{Directory: []domain.DirectoryEntity{
		connected,
		domain.DirectoryConnection{ID: 101, MemberID: connected.MemberID, Platform: domain.Facebook, SecretRef: "connection/101"},
		subscribed,
	}}
	w.Add("a", lacking)
	w.States = []domain.ConnectionStateChanged{{ConnectionID: 101, Platform: domain.Facebook, Code: domain.StatusRefused, At: inJune}}
	w.Fold(t, db)
	source := func() analytics.Source {
		_, meta := ask(t, db, (*analytics.Analytics).AccountInsights, wholeAgency, everywhere(june))
		return meta.Sources[0]
	}
	empty := about(domain.StatusNoData, domain.MetricEngagement)
	require.Equal(t, append(because(domain.StatusRefused), empty...), source().Reasons, "scopes are unknown")
	require.Equal(t, analytics.SourceReconnect, source().Status)
	grant := func(scopes string) {
		ledgertest.Exec(t, db.Pool, `insert into kept.secrets (ref, key_id, sealed, updated_at, granted, signed_in_at) values ('connection/101', 'k', '', $1, $2, now())
			on conflict (ref) do update set granted = excluded.granted`, june.From, scopes)
	}
	grant("pages_read_engagement")
	ungranted := about(domain.StatusPermission, domain.MetricEngagement)
	ungranted[0].Scopes = []string{"read_insights"}
	require.Equal(t, ungranted, source().Reasons)
	require.Equal(t, analytics.SourcePartial, source().Status, "someone has signed in since")
	grant("pages_read_engagement read_insights")
	require.Equal(t, empty, source().Reasons, "it was granted: the newest reading says why")

	// Earlier figures in the range do not hide that the rest is not read. A range that was over before
	// lacks nothing.
	w.Add("b", read(domain.Facebook, inJune.Add(-time.Hour), people(5), flow(domain.MetricEngagement, "2026-06-05", 3)))
	w.Fold(t, db)
	days := daysOf(domain.MetricEngagement, 1, 30)
	require.Equal(t, append(because(domain.StatusRefused), days...), source().Reasons)
	grant("pages_read_engagement")
	require.Equal(t, append(ungranted, days...), source().Reasons)
	_, meta := ask(t, db, (*analytics.Analytics).AccountInsights, wholeAgency,
		everywhere(analytics.Range{From: at("2026-06-05 00:00"), To: at("2026-06-06 00:00"), Zone: time.UTC}))
	require.False(t, domain.HasCode(meta.Sources[0].Reasons, domain.StatusPermission))
}

// A missing permission is the reason if posts were never read, or have no gain in the range.
func TestSourcesNameMissingPostPermission(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: []domain.DirectoryEntity{subscribed}}
	for id, p := range map[int64]domain.Platform{11: domain.TikTok, 12: domain.Facebook, 13: domain.Instagram} {
		connected := page(id, p)
		connected.ConnectionID = 100 + id
		w.Directory = append(w.Directory, connected,
			domain.DirectoryConnection{ID: 100 + id, MemberID: connected.MemberID, Platform: p, SecretRef: fmt.Sprint("connection/", 100+id)})
		w.Add(fmt.Sprint("read", id), readOf(id, p, inJune, people(5)))
	}
	fold := func() {
		w.Fold(t, db)
		ledgertest.Exec(t, db.Pool, `
			insert into kept.secrets (ref, key_id, sealed, updated_at, granted) values
				('connection/111', 'k', '', $1, 'user.info.basic user.info.stats'),
				('connection/112', 'k', '', $1, 'pages_read_engagement read_insights'),
				('connection/113', 'k', '', $1, 'instagram_basic instagram_manage_insights')`, june.From)
	}
	fold()
	lacks := func(scope string, names ...string) []domain.StatusReason {
		missing := aboutPosts(domain.StatusPermission, names...)
		for i := range missing {
			missing[i].Scopes = []string{scope}
		}
		return missing
	}
	says := func(endpoint string, p domain.Platform, status analytics.SourceStatus, reasons ...domain.StatusReason) {
		_, meta := ask(t, db, endpoints[endpoint], wholeAgency, analytics.RangeQuery{Range: june, Platforms: []domain.Platform{p}})
		require.Len(t, meta.Sources, 1)
		require.Equal(t, status, meta.Sources[0].Status, "%s of %s", endpoint, p)
		require.Equal(t, reasons, meta.Sources[0].Reasons, "%s of %s", endpoint, p)
	}
	notRead := domain.StatusReason{Code: domain.StatusPostsNotReadYet}
	const partial, neverRead = analytics.SourcePartial, analytics.SourceNeverRead
	says("PostsViews", domain.TikTok, partial, lacks("video.list", "views")...)
	says("PostsTotalEngagements", domain.TikTok, partial, lacks("video.list", "likes", "comments", "shares")...)
	says("PostsTotalEngagements", domain.Facebook, partial, append(lacks("pages_read_user_content", "comments"), notRead)...)
	says("PostsViews", domain.Facebook, neverRead, notRead)
	says("PostsViews", domain.Instagram, neverRead, notRead)

	w.Add("listed", registered(tenantOf(tenants[0], 12), domain.Facebook, "p", inJune, &june.From))
	w.Add("post", readPost(tenantOf(tenants[0], 12), domain.Facebook, "p", inJune, &june.From, domain.Counts{Views: new(int64(3))}))
	fold()
	ledgertest.Exec(t, db.Pool, `
		insert into kept.fetch_state (kind, p_id, social_account_id, read_at, due_at, updated_at)
		values ('post_insights', $1, 13, $2, $2, $2)`, int(domain.Instagram), inJune)
	says("PostsLikes", domain.Facebook, partial, aboutPosts(domain.StatusNoGain, "likes")...)       // insights contain likes
	says("PostsViews", domain.Instagram, partial, aboutPosts(domain.StatusNothingRead, "views")...) // it has no posts
}

// A page whose readings fail is not called complete, although its earlier figures are. Accounts and
// posts are read separately.
func TestSourcesSayThatReadingsFail(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	connected := page(11, domain.TikTok)
	connected.ConnectionID = 111
	w := &world{Directory: []domain.DirectoryEntity{
		subscribed, connected,
		domain.DirectoryAccount{ID: connected.AccountID, ParentAccount: agencyA, RowID: 1},
		domain.DirectoryConnection{ID: 111, MemberID: connected.MemberID, Platform: domain.TikTok, SecretRef: "connection/111"},
		domain.DirectoryMember{ID: connected.MemberID, AccountID: connected.AccountID, Active: true},
	}}
	w.Add("read", readOf(11, domain.TikTok, inJune, people(5)))
	w.Fold(t, db)
	ledgertest.Exec(t, db.Pool, `insert into kept.secrets (ref, key_id, sealed, updated_at) values ('connection/111', 'k', '', $1)`, june.From)
	ledgertest.Exec(t, db.Pool, `
		insert into kept.fetch_state (kind, p_id, social_account_id, due_at, updated_at, failures)
		values ('account_insights', $1, 11, $2, $2, 1), ('post_insights', $1, 11, $2, $2, 0)`, int(domain.TikTok), inJune)
	const ok, reconnect, notRead = analytics.SourceOK, analytics.SourceReconnect, analytics.SourceNotRead
	for code, want := range map[domain.StatusCode]struct {
		status  analytics.SourceStatus
		reasons []domain.StatusReason
	}{
		domain.StatusPermission: {reconnect, because(domain.StatusPermission)},
		domain.StatusTwoFactor:  {notRead, because(domain.StatusTwoFactor)}, // a sign-in does not help
		domain.StatusBlocked:    {notRead, because(domain.StatusBlocked)},
		domain.StatusNotFound:   {notRead, because(domain.StatusNotFound)},
		domain.StatusRetry:      {ok, []domain.StatusReason{}},
	} {
		ledgertest.Exec(t, db.Pool, `update kept.fetch_state set reason = jsonb_build_object('code', $1::text)`, string(code))
		_, meta := ask(t, db, endpoints["AccountFollowers"], wholeAgency, everywhere(analytics.Range{From: june.From, To: june.To, Zone: time.UTC}))
		got := meta.Sources[0]
		require.Equal(t, want.status, got.Status, code)
		require.Equal(t, want.reasons, got.Reasons, code)
		_, meta = ask(t, db, endpoints["PostsViews"], wholeAgency, everywhere(june))
		require.Equal(t, analytics.SourceNeverRead, meta.Sources[0].Status, "posts: %s", code) // the last reading of them did not fail
	}
	// A permission is missing for one of the two only.
	ledgertest.Exec(t, db.Pool, `update kept.fetch_state set reason = '{"code": "permission"}'`)
	for kind, c := range map[string]struct {
		endpoint string
		code     domain.StatusCode
	}{
		"post_insights":    {"AccountFollowers", domain.StatusOnlyPostsRead},
		"account_insights": {"PostsViews", domain.StatusPostsNotRead},
	} {
		ledgertest.Exec(t, db.Pool, `update kept.fetch_state set failures = (kind <> $1)::int, read_at = case when kind = $1 then updated_at end`, kind)
		_, meta := ask(t, db, endpoints[c.endpoint], wholeAgency, everywhere(analytics.Range{From: june.From, To: june.To, Zone: time.UTC}))
		require.NotContains(t, []analytics.SourceStatus{reconnect, ok}, meta.Sources[0].Status)
		require.True(t, domain.HasCode(meta.Sources[0].Reasons, c.code))
	}
	ledgertest.Exec(t, db.Pool, `update kept.fetch_state set failures = 1`)
	needs := func() (bool, domain.OptionalText, int) {
		got, _, err := (&analytics.Analytics{Pool: db.ReadOnly}).ActiveMembers(t.Context(), wholeAgency, everywhere(june))
		require.NoError(t, err)
		s := got.Members[0].SocialAccounts[0]
		return s.NeedsReconnect, s.Text, got.Members[0].Platforms[0].Connected
	}
	asked, why, usable := needs()
	require.Equal(t, []any{true, domain.OptionalText(domain.APIText(domain.StatusPermission)), 0}, []any{asked, why, usable})
	_, meta := ask(t, db, endpoints["AccountFollowers"], wholeAgency, everywhere(june))
	require.Equal(t, reconnect, meta.Sources[0].Status)
	ledgertest.Exec(t, db.Pool, `update kept.secrets set updated_at = $1`, inJune.Add(time.Minute))
	_, meta = ask(t, db, endpoints["AccountFollowers"], wholeAgency, everywhere(june))
	require.Equal(t, ok, meta.Sources[0].Status, "someone has signed in since")
	asked, why, usable = needs()
	require.Equal(t, []any{false, 1}, []any{asked, usable})
	require.NotEqual(t, domain.OptionalText(domain.APIText(domain.StatusPermission)), why)
}

// LinkedIn does not count views of posts, and the reason says so instead of pointing to missing
// readings.
func TestSourcesSayThatLinkedInCountsNoViewsOfPosts(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: []domain.DirectoryEntity{page(11, domain.LinkedIn), subscribed}}
	w.Add("a", registered(tenantOf(tenants[0], 11), domain.LinkedIn, "v", inJune, &june.From))
	w.Add("b", domain.PostRead{
		Tenant: tenantOf(tenants[0], 11), Platform: domain.LinkedIn, ExternalID: "v", CapturedAt: inJune, PublishedAt: &june.From, FromZero: true,
		Counts: domain.Counts{Likes: new(int64(3)), Comments: new(int64(2)), Shares: new(int64(1)), Impressions: new(int64(90))},
	})
	w.Fold(t, db)
	source := func(endpoint string, r analytics.Range) analytics.Source {
		_, meta := ask(t, db, endpoints[endpoint], wholeAgency, everywhere(r))
		return meta.Sources[0]
	}
	unsupported := aboutPosts(domain.StatusUnsupportedMetric, domain.MetricViews)
	got := source("PostsViews", june)
	require.Equal(t, analytics.SourceUnsupported, got.Status)
	require.Equal(t, unsupported, got.Reasons)
	require.EqualValues(t, "Its platform does not report video views.", got.Text)
	got = source("PostInsights", june)
	require.Equal(t, analytics.SourcePartial, got.Status, "its likes are known")
	require.Equal(t, unsupported, got.Reasons)
	got = source("PostInsights", analytics.Range{From: june.To, To: june.To.AddDate(0, 0, 1), Zone: time.UTC})
	require.EqualValues(t, "For likes, comments, shares and video views, nothing was read in this range.", got.Text, "the more severe problem")
}

// Erasures in the range are reported only to the client who owned the data and to the agency.
func TestSourcesReportErasures(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: []domain.DirectoryEntity{page(11, domain.Facebook), subscribed}}
	instant := at("2026-06-05 12:00")
	for social, id := range map[int64]string{11: "a", 12: "b"} {
		w.Add(id, read(domain.Facebook, instant.Add(-time.Hour), people(3)))
		w.Add(id+"erased", domain.AccountErased{ParentAccount: agencyA, AccountID: clientA, SocialAccount: social, Platform: domain.Facebook, ErasedAt: instant})
	}
	w.Add("c", read(domain.Facebook, inJune, people(5), flow(domain.MetricEngagement, "2026-06-09", 1)))
	w.Fold(t, db)
	sources := func(scope readmodels.Scope, r analytics.Range) []analytics.Source {
		_, ofAccounts := ask(t, db, (*analytics.Analytics).AccountInsights, scope, everywhere(r))
		_, ofPosts := ask(t, db, (*analytics.Analytics).PostInsights, scope, everywhere(r))
		require.Len(t, ofPosts.Sources, len(ofAccounts.Sources))
		for i, s := range ofPosts.Sources {
			require.Equal(t, domain.HasCode(ofAccounts.Sources[i].Reasons, domain.StatusReadingsErased), domain.HasCode(s.Reasons, domain.StatusReadingsErased))
		}
		return ofAccounts.Sources
	}
	erased := domain.StatusReason{Code: domain.StatusReadingsErased, At: new(instant.UTC())}
	got := sources(wholeAgency, june)
	require.Len(t, got, 2)
	require.Equal(t, []int64{11, 12}, []int64{got[0].SocialAccount, got[1].SocialAccount})
	require.Equal(t, erased, got[0].Reasons[0])
	require.Greater(t, len(got[0].Reasons), 1, "and the other reason")
	require.EqualValues(t, "page 11", got[0].Name)
	require.Equal(t, analytics.Source{
		PlatformRef: readmodels.PlatformRefOf(domain.Facebook), SocialAccount: 12, AccountID: clientA, Status: analytics.SourcePartial,
		Reasons: []domain.StatusReason{erased}, Text: "Its readings before 5 Jun 2026, 12:00:00 UTC were erased.",
	}, got[1])
	require.Len(t, sources(ofClient(clientA), june), 2)
	require.Empty(t, sources(ofClient(clientB), june), "another client's")
	later := june
	later.From = instant
	got = sources(wholeAgency, later)
	require.Len(t, got, 1, "nothing of this range is erased")
	require.False(t, domain.HasCode(got[0].Reasons, domain.StatusReadingsErased))
}

// Newer figures are expected for accounts that will be read, while the range is not over.
func TestNextReadingIsExpectedOnlyForReadableAccounts(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	later := inJune.Add(3 * time.Hour)
	w := &world{Directory: []domain.DirectoryEntity{page(11, domain.Facebook), page(12, domain.Facebook), subscribed}}
	w.Add("r1", read(domain.Facebook, inJune, people(5)))
	w.Add("r2", readOf(12, domain.Facebook, later, people(7)))
	w.Fold(t, db)
	ledgertest.Exec(t, db.Pool, `
		insert into kept.fetch_state (kind, p_id, social_account_id, due_at, updated_at)
		select 'account_insights', 1, 10 + n, $1::timestamptz + (3 - n) * interval '1 hour', $1 from generate_series(1, 2) n`, later)
	metas := func(r analytics.Range) []analytics.Meta {
		_, first := ask(t, db, (*analytics.Analytics).AccountInsights, wholeAgency, onFacebook(r))
		_, second := ask(t, db, (*analytics.Analytics).Stats, wholeAgency, onFacebook(r))
		return []analytics.Meta{first, second}
	}
	for _, meta := range metas(june) {
		require.Equal(t, new(later.Add(time.Hour)), meta.NextDue, "when the first of them is read")
		require.Equal(t, &later, meta.Sources[1].LastRead)
	}

	past := analytics.Range{From: june.From, To: inJune.Add(-time.Hour), Zone: time.UTC}
	before := metas(past)
	for _, meta := range before {
		require.Nil(t, meta.NextDue, "no readings are expected for a range that is over")
		for _, s := range meta.Sources {
			require.Nil(t, s.LastRead)
			require.NotEqual(t, analytics.SourceNeverRead, s.Status)
		}
	}
	w.Add("r3", read(domain.Facebook, later.Add(time.Hour), people(9)))
	w.States = []domain.ConnectionStateChanged{{ConnectionID: 12, Platform: domain.Facebook, Code: domain.StatusRefused, At: later}}
	w.Fold(t, db)
	for _, meta := range metas(june) {
		require.Equal(t, new(later.Add(2*time.Hour)), meta.NextDue, "no readings are expected from an account that must be connected again")
		require.Equal(t, analytics.SourceReconnect, meta.Sources[1].Status)
	}
	after := metas(past)
	for i := range after {
		require.Equal(t, before[i].Sources, after[i].Sources, "the past does not change")
	}
	for _, meta := range metas(analytics.Range{From: june.From, To: later.Add(time.Minute), Zone: time.UTC}) {
		require.Equal(t, new(inJune), meta.Sources[0].LastRead, "in the range; it was read later")
	}

	w.Directory = append(w.Directory, domain.DirectorySubscription{ID: 1, AccountID: agencyA, StartsAt: june.From, EndsAt: &later})
	w.Fold(t, db)
	for i, meta := range metas(past) {
		require.Equal(t, before[i].Sources, meta.Sources, "the past does not change")
	}
	for _, meta := range metas(june) {
		require.Nil(t, meta.NextDue, "nothing is read without a subscription")
		require.True(t, domain.HasCode(meta.Sources[0].Reasons, domain.StatusUnsubscribed))
	}
}

// A pause is the status, unless new readings would change nothing. Reasons for missing figures remain.
func TestPausedSourcesExpectNoReadings(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{
		Directory: []domain.DirectoryEntity{
			page(11, domain.Facebook), page(12, domain.Facebook), page(13, domain.TikTok), page(14, domain.TikTok),
			subscribed,
		},
		States: []domain.ConnectionStateChanged{{ConnectionID: 14, Platform: domain.TikTok, Code: domain.StatusRefused, At: inJune}},
	}
	w.Add("r1", read(domain.Facebook, inJune, people(5), flow(domain.MetricEngagement, "2026-06-09", 1)))
	w.Fold(t, db)
	ledgertest.Exec(t, db.Pool, `
		insert into kept.fetch_state (kind, p_id, social_account_id, due_at, updated_at) values ('account_insights', 1, 11, $1, $1)`, inJune)
	from, to := at("2026-06-09 00:00"), at("2026-06-11 00:00")
	meta := func(from, to time.Time) analytics.Meta {
		_, meta := ask(t, db, (*analytics.Analytics).AccountInsights, wholeAgency, everywhere(analytics.Range{From: from, To: to, Zone: time.UTC}))
		return meta
	}
	before := meta(from, to)
	require.Equal(t, &inJune, before.NextDue)
	const all, alone = domain.StatusPlatformPaused, domain.StatusConnectionPaused
	for _, c := range []struct {
		kind     domain.PauseKind
		name     string
		from, to time.Time
		paused   []domain.StatusCode // for each source
		due      *time.Time
		since    time.Time
	}{
		// including one that was never read
		{domain.PausePlatform, "facebook", from, to, []domain.StatusCode{all, all, "", ""}, nil, inJune},
		// the first was read after the range
		{domain.PausePlatform, "facebook", june.From, inJune.Add(-time.Hour), []domain.StatusCode{"", all, "", ""}, nil, june.From},
		// paused after the range: no more readings are expected, but none of the range is missing for that
		{domain.PausePlatform, "facebook", from, to, []domain.StatusCode{"", "", "", ""}, nil, to},
		{domain.PauseConnection, "11", from, to, []domain.StatusCode{alone, "", "", ""}, nil, inJune},
		// the one that must be connected again reports that instead
		{domain.PausePlatform, "tiktok", from, to, []domain.StatusCode{"", "", all, ""}, &inJune, inJune},
	} {
		ledgertest.Exec(t, db.Pool, `delete from kept.pauses`)
		ledgertest.Exec(t, db.Pool, `insert into kept.pauses values ($1, $2, $3, 'ada', 'incident', '')`, string(c.kind), c.name, c.since)
		got := meta(c.from, c.to)
		require.Equal(t, c.due, got.NextDue, "%v", c)
		for i, source := range got.Sources {
			want := before.Sources[i]
			switch {
			case c.paused[i] == "" && !c.from.Equal(from):
				require.NotEqual(t, analytics.SourceNotRead, source.Status, "%v: source %d", c, i)
				continue
			case c.paused[i] != "" && want.Status == analytics.SourceNeverRead:
				want.Reasons = nil // it is not said twice
				fallthrough
			case c.paused[i] != "":
				want.Status, want.Reasons = analytics.SourceNotRead, append(because(c.paused[i]), want.Reasons...)
			}
			require.Equal(t, want.Status, source.Status, "%v: source %d", c, i)
			require.Equal(t, want.Reasons, source.Reasons, "%v: source %d", c, i)
		}
	}
}
