package analytics_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

func at(text string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

func counter(name string, v int64) domain.Figure {
	return domain.Figure{Name: name, Kind: domain.Cumulative, Value: v, Source: name + "_count"}
}

// rule is one rule about a kind of figure in numbers: what June says of one metric.
type rule struct {
	platform domain.Platform
	reads    []domain.AccountRead
	metric   string
	want     analytics.Total
}

func TestTotalsFollowTheKindsOfFigures(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t) // one after the other: a database each takes longer than a test
	fb := func(when string, f ...domain.Figure) domain.AccountRead {
		return read(domain.Facebook, at(when), f...)
	}
	tt := func(when string, f ...domain.Figure) domain.AccountRead {
		return read(domain.TikTok, at(when), f...)
	}
	li := func(when string, f ...domain.Figure) domain.AccountRead {
		return read(domain.LinkedIn, at(when), f...)
	}
	followers, engagement := domain.MetricFollowers, domain.MetricEngagement
	for name, r := range map[string]rule{
		"stock: the last reading counts, against the last one before": {
			domain.Facebook,
			[]domain.AccountRead{
				fb("2026-05-30 10:00", people(80)), fb("2026-05-31 10:00", people(100)),
				fb("2026-06-02 10:00", people(90)), fb("2026-06-20 10:00", people(125)),
				fb("2026-07-01 00:00", people(999)),
			},
			followers,
			analytics.Total{Value: new(int64(125)), Previous: new(int64(100)), Change: new(int64(25)), ChangePct: new(25.0), Accounts: 1},
		},
		"stock: a reading at the first instant is in the range": {
			domain.Facebook,
			[]domain.AccountRead{fb("2026-05-31 00:00", people(100)), fb("2026-06-01 00:00", people(110))},
			followers,
			analytics.Total{Value: new(int64(110)), Previous: new(int64(100)), Change: new(int64(10)), ChangePct: new(10.0), Accounts: 1},
		},
		"stock: the reading before may be a range ago": {
			domain.Facebook,
			[]domain.AccountRead{fb("2026-05-02 00:00", people(50)), fb("2026-06-02 10:00", people(25))},
			followers,
			analytics.Total{Value: new(int64(25)), Previous: new(int64(50)), Change: new(int64(-25)), ChangePct: new(-50.0), Accounts: 1},
		},
		"stock: it counts from the last reading before, however old": {
			domain.Facebook,
			[]domain.AccountRead{fb("2024-02-29 10:00", people(50)), fb("2026-05-01 23:59", people(60)), fb("2026-06-02 10:00", people(25))},
			followers,
			analytics.Total{Value: new(int64(25)), Previous: new(int64(60)), Change: new(int64(-35)), ChangePct: new(-58.33), Accounts: 1},
		},
		"stock: what came about in more than 35 days has no percentage": {
			domain.Facebook,
			[]domain.AccountRead{fb("2026-04-28 10:00", people(60)), fb("2026-06-02 10:01", people(25))},
			followers,
			analytics.Total{
				Value: new(int64(25)), Previous: new(int64(60)), Change: new(int64(-35)), GainedSince: new(at("2026-04-28 10:00")), Accounts: 1,
			},
		},
		"stock: one reading is no change": {
			domain.Facebook, []domain.AccountRead{fb("2026-06-02 10:00", people(5))}, followers, analytics.Total{Value: new(int64(5)), NoBaseline: true, Accounts: 1},
		},
		"stock: the first reading of all is the baseline": {
			domain.Facebook,
			[]domain.AccountRead{fb("2026-06-02 10:00", people(5)), fb("2026-06-05 10:00", people(9))},
			followers,
			analytics.Total{Value: new(int64(9)), Previous: new(int64(5)), Change: new(int64(4)), ChangePct: new(80.0), ComparedInPart: true, Accounts: 1},
		},
		"stock: from nothing there is no per cent": {
			domain.Facebook,
			[]domain.AccountRead{fb("2026-05-02 10:00", people(0)), fb("2026-06-05 10:00", people(9))},
			followers,
			analytics.Total{Value: new(int64(9)), Previous: new(int64(0)), Change: new(int64(9)), Accounts: 1},
		},
		"day flow: the sum of the days, a later reading of a day replaces it": {
			domain.Facebook,
			[]domain.AccountRead{
				fb("2026-06-02 10:00", flow(engagement, "2026-05-31", 7), flow(engagement, "2026-06-01", 3)),
				fb("2026-06-03 10:00", flow(engagement, "2026-06-01", 5), flow(engagement, "2026-06-02", 10)),
				fb("2026-07-02 10:00", flow(engagement, "2026-06-30", 100), flow(engagement, "2026-07-01", 1000)),
			},
			engagement,
			// 1, 2 and 30 June; only 30 June has its day in the period before (31 May).
			analytics.Total{Value: new(int64(115)), Previous: new(int64(7)), Change: new(int64(93)), ChangePct: new(1328.57), ComparedInPart: true, Accounts: 1},
		},
		"day flow: no day in common is no baseline": {
			domain.Facebook,
			[]domain.AccountRead{fb("2026-06-03 10:00", flow(engagement, "2026-05-20", 7), flow(engagement, "2026-06-02", 10))},
			engagement,
			analytics.Total{Value: new(int64(10)), NoBaseline: true, Accounts: 1},
		},
		"cumulative: the difference of the readings at the ends": {
			domain.TikTok,
			[]domain.AccountRead{
				tt("2026-05-01 10:00", counter(engagement, 1000)), tt("2026-05-31 10:00", counter(engagement, 1100)),
				tt("2026-06-20 10:00", counter(engagement, 1500)), tt("2026-06-30 10:00", counter(engagement, 1400)),
			},
			engagement,
			analytics.Total{Value: new(int64(300)), Previous: new(int64(100)), Change: new(int64(200)), ChangePct: new(200.0), Accounts: 1},
		},
		"cumulative: a counter that falls is negative": {
			domain.TikTok,
			[]domain.AccountRead{tt("2026-05-31 10:00", counter(engagement, 1100)), tt("2026-06-20 10:00", counter(engagement, 1000))},
			engagement,
			analytics.Total{Value: new(int64(-100)), NoBaseline: true, Accounts: 1},
		},
		"cumulative: without a reading before, since the first one in the range": {
			domain.TikTok,
			[]domain.AccountRead{
				tt("2026-06-01 10:00", counter(engagement, 1100)), tt("2026-06-01 22:00", counter(engagement, 1150)),
				tt("2026-06-20 10:00", counter(engagement, 1200)),
			},
			engagement,
			analytics.Total{Value: new(int64(100)), NoBaseline: true, Accounts: 1},
		},
		"cumulative: one reading is no difference": {
			domain.TikTok, []domain.AccountRead{tt("2026-06-01 10:00", counter(engagement, 1100))}, engagement, analytics.Total{NoBaseline: true},
		},
		"cumulative: a gain of two years stands at the reading that shows it, and says so": {
			domain.TikTok,
			[]domain.AccountRead{tt("2024-06-15 10:00", counter(engagement, 1000)), tt("2026-06-20 10:00", counter(engagement, 900_000))},
			engagement,
			analytics.Total{Value: new(int64(899_000)), NoBaseline: true, GainedSince: new(at("2024-06-15 10:00")), Accounts: 1},
		},
		"cumulative: so it does beside others": {
			domain.TikTok,
			[]domain.AccountRead{
				tt("2024-06-15 10:00", counter(engagement, 1000)), tt("2026-06-20 10:00", counter(engagement, 900_000)),
				tt("2026-06-25 10:00", counter(engagement, 900_070)),
			},
			engagement,
			analytics.Total{Value: new(int64(899_070)), NoBaseline: true, GainedSince: new(at("2024-06-15 10:00")), Accounts: 1},
		},
		"cumulative: compared with such a gain there is no percentage": {
			domain.TikTok,
			[]domain.AccountRead{
				tt("2026-02-01 10:00", counter(engagement, 1)), tt("2026-05-20 10:00", counter(engagement, 900)),
				tt("2026-06-20 10:00", counter(engagement, 1000)),
			},
			engagement,
			analytics.Total{Value: new(int64(100)), Previous: new(int64(899)), Change: new(int64(-799)), Accounts: 1},
		},
		"a day that has a day flow is not counted by steps too": {
			domain.LinkedIn,
			[]domain.AccountRead{
				li("2026-06-01 10:00", counter(engagement, 100)), li("2026-06-02 10:00", counter(engagement, 110)),
				li("2026-06-03 10:00", counter(engagement, 130), flow(engagement, "2026-06-03", 17)), li("2026-06-04 10:00", counter(engagement, 160)),
			},
			engagement,
			analytics.Total{Value: new(int64(10 + 17 + 30)), NoBaseline: true, Accounts: 1},
		},
		"rolling is in no total": {
			domain.LinkedIn,
			[]domain.AccountRead{read(domain.LinkedIn, inJune, domain.Figure{Name: engagement, Kind: domain.Rolling, Value: 4000, Window: "months_12"})},
			engagement,
			analytics.Total{},
		},
		"nothing read is null": {domain.Facebook, nil, followers, analytics.Total{}},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{Directory: []domain.DirectoryEntity{page(11, r.platform)}}
			for i, one := range r.reads {
				w.Add(string(rune('a'+i)), one)
			}
			w.Fold(t, db)
			got, _, err := (&analytics.Analytics{Pool: db.ReadOnly}).AccountInsights(t.Context(), readmodels.Scope{ParentAccount: agencyA},
				analytics.RangeQuery{Range: june, Platforms: []domain.Platform{r.platform}})
			require.NoError(t, err)
			total := got.Total.Followers
			if r.metric == engagement {
				total = got.Total.Engagement
			}
			total.Kinds, total.SourceMetrics = nil, nil
			require.Equal(t, r.want, total)
		})
	}
}

// An account that was connected in June is in the total with what it gained since, as it is in the days.
func TestAnAccountConnectedInTheRangeIsInTotalAndParts(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: []domain.DirectoryEntity{page(15, domain.TikTok), page(16, domain.TikTok)}}
	reading := func(id string, social int64, when string, v int64) {
		r := read(domain.TikTok, at(when), counter(domain.MetricImpressions, v), counter(domain.MetricEngagement, v), people(7))
		r.SocialAccount = social
		w.Add(id, r)
	}
	reading("a", 15, "2026-05-01 10:00", 500)
	reading("b", 15, "2026-05-31 10:00", 540)
	reading("c", 15, "2026-06-30 10:00", 640)
	reading("d", 16, "2026-06-10 08:00", 1000)
	reading("e", 16, "2026-06-10 20:00", 4000)
	reading("f", 16, "2026-06-29 10:00", 9000)
	w.Fold(t, db)
	queries, scope := &analytics.Analytics{Pool: db.ReadOnly}, readmodels.Scope{ParentAccount: agencyA}
	query := analytics.RangeQuery{Range: june, Platforms: []domain.Platform{domain.TikTok}}
	stats, _, err := queries.AccountStats(t.Context(), scope, query)
	require.NoError(t, err)
	parts := map[string]int64{}
	for _, day := range stats.Total.Series {
		if day.Impressions != nil {
			parts[day.Day] = *day.Impressions
		}
	}
	require.Equal(t, map[string]int64{"2026-06-10": 3000, "2026-06-29": 5000, "2026-06-30": 100}, parts)
	insights, meta, err := queries.AccountInsights(t.Context(), scope, query)
	require.NoError(t, err)
	for _, total := range []analytics.Total{stats.Total.Impressions, insights.Total.Engagement} {
		total.Kinds, total.SourceMetrics = nil, nil
		require.Equal(t, analytics.Total{
			Value: new(int64(8100)), Previous: new(int64(40)), Change: new(int64(60)), ChangePct: new(150.0), ComparedInPart: true, Accounts: 2,
		}, total)
	}
	require.Equal(t, analytics.SourceOK, meta.Sources[0].Status)
	require.Equal(t, analytics.SourcePartial, meta.Sources[1].Status)
	require.EqualValues(t, "Of engagement, it was first read on 2026-06-10; what it gained before is not known.", meta.Sources[1].Reason)
}

// Ten days of June are compared with the ten days before it, and not with all of May.
func TestARangeThatHasNotEndedIsComparedWithAsManyDays(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: []domain.DirectoryEntity{page(11, domain.Facebook)}}
	var days []domain.Figure
	for d := at("2026-04-20 00:00"); d.Before(at("2026-06-11 00:00")); d = d.AddDate(0, 0, 1) {
		days = append(days, flow(domain.MetricEngagement, d.Format(time.DateOnly), 10))
	}
	w.Add("a", read(domain.Facebook, at("2026-05-06 10:00"), people(50)))
	w.Add("b", read(domain.Facebook, at("2026-06-10 09:00"), append(days, people(100))...))
	w.Fold(t, db)
	r := june
	r.Now = at("2026-06-10 18:00")
	got, meta, err := (&analytics.Analytics{Pool: db.ReadOnly}).AccountInsights(t.Context(), readmodels.Scope{ParentAccount: agencyA},
		analytics.RangeQuery{Range: r, Platforms: []domain.Platform{domain.Facebook}})
	require.NoError(t, err)
	require.False(t, meta.Complete)
	require.Equal(t, analytics.SourceOK, meta.Sources[0].Status, "the days to come are not missed: %s", meta.Sources[0].Reason)
	engagement, followers := got.Total.Engagement, got.Total.Followers
	require.Equal(t, []int64{100, 100, 0}, []int64{*engagement.Value, *engagement.Previous, *engagement.Change})
	require.Equal(t, []int64{100, 50, 50}, []int64{*followers.Value, *followers.Previous, *followers.Change})

	r.Now = r.To
	_, meta, err = (&analytics.Analytics{Pool: db.ReadOnly}).AccountInsights(t.Context(), readmodels.Scope{ParentAccount: agencyA},
		analytics.RangeQuery{Range: r, Platforms: []domain.Platform{domain.Facebook}})
	require.NoError(t, err)
	require.True(t, meta.Complete)
	require.EqualValues(t, "Of engagement, 10 of 29 days were read.", meta.Sources[0].Reason, "the 30th may not be over everywhere")
}

// Reach is the platform's own figure of exactly the range, and never a sum.
func TestReachIsNeverSummed(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t) // one after the other: a database each takes longer than a test
	window := func(name, day string, v int64) domain.Figure {
		return domain.Figure{Name: domain.MetricReach, Kind: domain.Rolling, Value: v, Source: "reach", Day: day, Window: name}
	}
	first := read(domain.Facebook, at("2026-06-29 10:00"),
		window("day", "2026-06-27", 10), window("day", "2026-06-28", 20), window("week", "2026-06-28", 50), window("days_28", "2026-06-28", 90))
	second := first
	second.SocialAccount = 12
	four := analytics.Range{From: at("2026-06-01 00:00"), To: at("2026-06-29 00:00"), Zone: time.UTC}
	for name, tt := range map[string]struct {
		r             analytics.Range
		reads         []domain.AccountRead
		total, single *int64
	}{
		"28 days":            {four, []domain.AccountRead{first}, new(int64(90)), new(int64(90))},
		"a month":            {june, []domain.AccountRead{first}, nil, nil},
		"28 days, but later": {analytics.Range{From: at("2026-06-02 00:00"), To: at("2026-06-30 00:00"), Zone: time.UTC}, []domain.AccountRead{first}, nil, nil},
		"two pages":          {four, []domain.AccountRead{first, second}, nil, new(int64(90))},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{}
			for i, r := range tt.reads {
				w.Directory = append(w.Directory, page(r.SocialAccount, domain.Facebook))
				w.Add(string(rune('a'+i)), r)
			}
			w.Fold(t, db)
			got, _, err := (&analytics.Analytics{Pool: db.ReadOnly}).AccountStats(t.Context(), readmodels.Scope{ParentAccount: agencyA},
				analytics.RangeQuery{Range: tt.r, Platforms: domain.Platforms()})
			require.NoError(t, err)
			require.Equal(t, tt.total, got.Total.Reach)
			require.Len(t, got.Reach, len(tt.reads))
			require.Equal(t, tt.single, got.Reach[0].Value)
		})
	}
}
