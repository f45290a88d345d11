package readmodels_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/readmodels"
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
			r := readmodels.Range{From: at(tt.from), To: at(tt.to), Zone: zone(t, tt.zone)}
			require.Equal(t, at(tt.want), r.Previous().From.UTC())
			require.Equal(t, r.From, r.Previous().To)
		})
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
		r := readmodels.Range{Zone: zone(t, rapid.SampledFrom(names).Draw(t, "zone"))}
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
	w := &world{directory: []domain.DirectoryEntity{page(11, domain.Facebook)}}
	read := func(id, at string, followers int64) {
		captured, err := time.Parse(time.RFC3339, at)
		require.NoError(t, err)
		w.add(id, domain.AccountRead{
			Tenant: tenantOf(tenants[0], 11), Platform: domain.Facebook, CapturedAt: captured.UTC(),
			Figures: []domain.Figure{{Name: domain.MetricFollowers, Kind: domain.Stock, Value: followers, Source: "followers_count"}},
		})
	}
	read("e1", "2026-03-28T23:30:00+01:00", 100)
	read("e2", "2026-03-29T00:00:00+01:00", 101) // the first instant of the short day
	read("e3", "2026-03-29T23:59:59+02:00", 105)
	read("e4", "2026-03-30T00:00:00+02:00", 106)
	w.fold(t, db)
	berlin := zone(t, "Europe/Berlin")
	query := readmodels.RangeQuery{Platforms: []domain.Platform{domain.Facebook}, Range: readmodels.Range{
		From: time.Date(2026, 3, 28, 0, 0, 0, 0, berlin), To: time.Date(2026, 4, 1, 0, 0, 0, 0, berlin), Zone: berlin,
	}}
	got, _, err := (&readmodels.Analytics{Pool: db.ReadOnly}).AccountFollowers(t.Context(), readmodels.Scope{ParentAccount: agencyA}, query)
	require.NoError(t, err)
	require.Equal(t, []readmodels.FollowerDay{
		{Day: "2026-03-28", Followers: new(int64(100)), AccountsRead: 1},
		{Day: "2026-03-29", Followers: new(int64(105)), Change: new(int64(5)), AccountsRead: 1},
		{Day: "2026-03-30", Followers: new(int64(106)), Change: new(int64(1)), AccountsRead: 1},
		{Day: "2026-03-31"},
	}, got.Total.Series)
}
