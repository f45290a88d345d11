package analytics_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

func TestPreviousOfWholeDaysIsWholeDays(t *testing.T) {
	t.Parallel()
	at := func(text string) time.Time {
		parsed, err := time.Parse(time.RFC3339, text)
		require.NoError(t, err)
		return parsed.UTC()
	}
	for name, tt := range map[string]struct {
		zone, from, to, want string
	}{
		"UTC":                         {"UTC", "2026-05-08T00:00:00Z", "2026-05-15T00:00:00Z", "2026-05-01T00:00:00Z"},
		"an hour is lost":             {"Europe/Berlin", "2026-03-29T22:00:00Z", "2026-03-30T22:00:00Z", "2026-03-28T23:00:00Z"},
		"an hour is won":              {"Europe/Berlin", "2026-10-25T23:00:00Z", "2026-10-26T23:00:00Z", "2026-10-24T22:00:00Z"},
		"no midnight on 8 March":      {"America/Havana", "2026-03-09T04:00:00Z", "2026-03-10T04:00:00Z", "2026-03-08T05:00:00Z"},
		"two midnights on 1 November": {"America/Havana", "2026-11-02T05:00:00Z", "2026-11-03T05:00:00Z", "2026-11-01T04:00:00Z"},
		"not whole days":              {"Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-30T12:00:00Z", "2026-03-28T12:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := analytics.Range{From: at(tt.from), To: at(tt.to), Zone: zone(t, tt.zone)}
			require.Equal(t, at(tt.want), r.Previous().From.UTC())
			require.Equal(t, r.From, r.Previous().To)
		})
	}
}

// What is still to come is compared with nothing: the previous period is as long as what has elapsed.
func TestPreviousIsAsLongAsWhatHasElapsed(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		zone, from, to, now, want string
		complete                  bool
	}{
		"over":                                  {"UTC", "2026-06-01 00:00", "2026-07-01 00:00", "2026-07-01 00:00", "2026-05-02 00:00", true},
		"today is its last day":                 {"UTC", "2026-06-01 00:00", "2026-07-01 00:00", "2026-06-30 00:01", "2026-05-02 00:00", false},
		"the 20th":                              {"UTC", "2026-06-01 00:00", "2026-07-01 00:00", "2026-06-20 12:00", "2026-05-12 00:00", false},
		"the 20th, in Berlin":                   {"Europe/Berlin", "2026-05-31 22:00", "2026-06-30 22:00", "2026-06-20 22:30", "2026-05-10 22:00", false},
		"an hour was lost on 29 March":          {"Europe/Berlin", "2026-03-29 22:00", "2026-04-29 22:00", "2026-03-30 12:00", "2026-03-28 23:00", false},
		"from an instant on":                    {"UTC", "2026-06-01 12:00", "2026-07-01 00:00", "2026-06-02 18:00", "2026-05-31 00:00", false},
		"it begins today":                       {"UTC", "2026-06-01 00:00", "2026-07-01 00:00", "2026-06-01 00:00", "2026-05-31 00:00", false},
		"it begins tomorrow":                    {"UTC", "2026-06-01 00:00", "2026-07-01 00:00", "2026-05-31 23:00", "2026-06-01 00:00", false},
		"it begins next year, at some instant":  {"UTC", "2027-06-01 12:30", "2027-07-01 00:00", "2026-05-31 23:00", "2027-06-01 12:30", false},
		"hours of today that are still to come": {"UTC", "2026-06-01 12:00", "2026-06-01 18:00", "2026-06-01 13:00", "2026-06-01 06:00", false},
	} {
		r := analytics.Range{From: at(tt.from), To: at(tt.to), Zone: zone(t, tt.zone), Now: at(tt.now)}
		require.Equal(t, at(tt.want), r.Previous().From.UTC(), name)
		require.Equal(t, r.From, r.Previous().To, name)
		require.Equal(t, tt.complete, r.Complete(), name)
	}
}

// A day begins with the first instant in which a clock shows its date, wherever clocks change. Series
// show where days begin.
func TestDaysBeginWhereClocksSaySo(t *testing.T) {
	t.Parallel()
	names := []string{
		"Africa/Cairo", "America/Asuncion", "America/Havana", "America/Sao_Paulo", "America/Santiago", "America/St_Johns",
		"Asia/Amman", "Asia/Beirut", "Asia/Gaza", "Asia/Tehran", "Atlantic/Azores", "Europe/Berlin", "Pacific/Apia", "Pacific/Kiritimati",
	}
	rapid.Check(t, func(t *rapid.T) {
		r := analytics.Range{Zone: zone(t, rapid.SampledFrom(names).Draw(t, "zone"))}
		day := time.Date(2005, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 24*365).Draw(t, "day"))
		r.From = firstInstant(day, r.Zone)
		r.To = firstInstant(day.AddDate(0, 0, 1), r.Zone)
		if !r.From.Before(r.To) {
			t.Skip("the zone jumped over this day")
		}
		before := firstInstant(day.AddDate(0, 0, -1), r.Zone)
		require.Equal(t, before, r.Previous().From.UTC(), "the range is the whole day %s", day.Format(time.DateOnly))
	})
}

// A day of 23 and one of 25 hours are one bucket each, and readings fall into the right one.
func TestSeriesFollowTheClocks(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	w := &world{Directory: []domain.DirectoryEntity{page(11, domain.Facebook)}}
	read := func(id, at string, followers int64) {
		captured, err := time.Parse(time.RFC3339, at)
		require.NoError(t, err)
		w.Add(id, domain.AccountRead{
			Tenant: tenantOf(tenants[0], 11), Platform: domain.Facebook, CapturedAt: captured.UTC(),
			Figures: []domain.Figure{{Name: domain.MetricFollowers, Kind: domain.Stock, Value: followers, Source: "followers_count"}},
		})
	}
	read("e1", "2026-03-28T23:30:00+01:00", 100)
	read("e2", "2026-03-29T00:00:00+01:00", 101) // the first instant of the short day
	read("e3", "2026-03-29T23:59:59+02:00", 105)
	read("e4", "2026-03-30T00:00:00+02:00", 106)
	w.Fold(t, db)
	berlin := zone(t, "Europe/Berlin")
	query := analytics.RangeQuery{Platforms: []domain.Platform{domain.Facebook}, Range: analytics.Range{
		From: time.Date(2026, 3, 28, 0, 0, 0, 0, berlin), To: time.Date(2026, 4, 1, 0, 0, 0, 0, berlin), Zone: berlin,
	}}
	got, _, err := (&analytics.Analytics{Pool: db.ReadOnly}).AccountFollowers(t.Context(), readmodels.Scope{ParentAccount: agencyA}, query)
	require.NoError(t, err)
	require.Equal(t, []analytics.FollowerDay{
		{Day: "2026-03-28", Followers: new(int64(100)), AccountsRead: 1, AccountsJoined: 1},
		{Day: "2026-03-29", Followers: new(int64(105)), Change: new(int64(5)), AccountsRead: 1},
		{Day: "2026-03-30", Followers: new(int64(106)), Change: new(int64(1)), AccountsRead: 1},
		{Day: "2026-03-31"},
	}, got.Total.Series)
}
