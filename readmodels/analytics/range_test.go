package analytics_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// The previous period has the same number of days if the range has whole days, otherwise the same
// length as the elapsed part. While the range has not ended, it ends at the same hour. The previous year follows the calendar of the zone: the same dates,
// however long their days are.
func TestWhatARangeIsComparedWith(t *testing.T) {
	t.Parallel()
	const before, year = analytics.ComparePrevious, analytics.CompareYear
	for name, tt := range map[string]struct {
		with                                  analytics.Compare
		zone, from, to, now, wantFrom, wantTo string
	}{
		"UTC":                                  {before, "UTC", "2026-05-08 00:00", "2026-05-15 00:00", "", "2026-05-01 00:00", "2026-05-08 00:00"},
		"an hour is lost":                      {before, "Europe/Berlin", "2026-03-29 22:00", "2026-03-30 22:00", "", "2026-03-28 23:00", "2026-03-29 22:00"},
		"an hour is won":                       {before, "Europe/Berlin", "2026-10-25 23:00", "2026-10-26 23:00", "", "2026-10-24 22:00", "2026-10-25 23:00"},
		"no midnight on 8 March":               {before, "America/Havana", "2026-03-09 04:00", "2026-03-10 04:00", "", "2026-03-08 05:00", "2026-03-09 04:00"},
		"two midnights on 1 November":          {before, "America/Havana", "2026-11-02 05:00", "2026-11-03 05:00", "", "2026-11-01 04:00", "2026-11-02 05:00"},
		"Go takes the second of two midnights": {before, "Asia/Amman", "2021-10-29 22:00", "2021-10-30 22:00", "", "2021-10-28 21:00", "2021-10-29 22:00"},
		"a day that loses half an hour":        {before, "Australia/Lord_Howe", "2026-10-03 13:30", "2026-10-04 13:00", "", "2026-10-02 13:30", "2026-10-03 13:30"},
		"not whole days":                       {before, "Europe/Berlin", "2026-03-29 12:00", "2026-03-30 12:00", "", "2026-03-28 12:00", "2026-03-29 12:00"},
		"over":                                 {before, "UTC", "2026-06-01 00:00", "2026-07-01 00:00", "2026-07-01 00:00", "2026-05-02 00:00", "2026-06-01 00:00"},
		"today is its last day":                {before, "UTC", "2026-06-01 00:00", "2026-07-01 00:00", "2026-06-30 00:01", "2026-05-02 00:00", "2026-05-31 00:00"},
		"the 20th, in Berlin":                  {before, "Europe/Berlin", "2026-05-31 22:00", "2026-06-30 22:00", "2026-06-20 22:44", "2026-05-10 22:00", "2026-05-30 22:30"},
		"from an instant on":                   {before, "UTC", "2026-06-01 12:00", "2026-07-01 00:00", "2026-06-02 18:00", "2026-05-31 06:00", "2026-06-01 12:00"},
		"it begins tomorrow":                   {before, "UTC", "2026-06-01 00:00", "2026-07-01 00:00", "2026-05-31 23:00", "2026-06-01 00:00", "2026-06-01 00:00"},
		"hours that are still to come":         {before, "UTC", "2026-06-01 12:00", "2026-06-01 18:00", "2026-06-01 13:00", "2026-06-01 11:00", "2026-06-01 12:00"},
		"today until noon":                     {before, "UTC", "2026-06-20 00:00", "2026-06-21 00:00", "2026-06-20 12:05", "2026-06-19 00:00", "2026-06-19 12:00"},
		"the hour did not exist yesterday":     {before, "Europe/Berlin", "2026-03-29 22:00", "2026-03-30 22:00", "2026-03-30 00:30", "2026-03-28 23:00", "2026-03-29 01:30"},
		"a month and the year before":          {year, "UTC", "2026-06-01 00:00", "2026-07-01 00:00", "", "2025-06-01 00:00", "2025-07-01 00:00"},
		"February after a leap year":           {year, "UTC", "2025-02-01 00:00", "2025-03-01 00:00", "", "2024-02-01 00:00", "2024-03-01 00:00"},
		"29 February alone":                    {year, "UTC", "2024-02-29 00:00", "2024-03-01 00:00", "", "2023-03-01 00:00", "2023-03-01 00:00"},
		"from noon on 29 February":             {year, "UTC", "2024-02-29 12:00", "2024-03-01 12:00", "", "2023-03-01 00:00", "2023-03-01 12:00"},
		"the clocks changed since":             {year, "Europe/Berlin", "2026-03-28 23:00", "2026-03-29 22:00", "", "2025-03-28 23:00", "2025-03-29 23:00"},
		"a day of 23 hours then":               {year, "Europe/Berlin", "2026-03-29 22:00", "2026-03-30 22:00", "", "2025-03-29 23:00", "2025-03-30 22:00"},
		"no midnight then":                     {year, "America/Havana", "2027-03-08 05:00", "2027-03-09 05:00", "", "2026-03-08 05:00", "2026-03-09 04:00"},
		"an hour that there was not":           {year, "Europe/Berlin", "2026-03-30 00:30", "2026-03-30 01:30", "", "2025-03-30 01:30", "2025-03-30 01:30"},
		"what has elapsed of a month":          {year, "UTC", "2026-06-01 00:00", "2026-07-01 00:00", "2026-06-20 12:00", "2025-06-01 00:00", "2025-06-20 12:00"},
		"longer than a year: it laps":          {year, "UTC", "2024-01-01 00:00", "2026-01-01 00:00", "", "2023-01-01 00:00", "2025-01-01 00:00"},
		"nothing has elapsed yet":              {year, "UTC", "2026-06-01 00:00", "2026-07-01 00:00", "2026-05-01 12:00", "2025-06-01 00:00", "2025-06-01 00:00"},
		"it begins today, in Kiritimati alone": {year, "Pacific/Kiritimati", "2026-05-31 10:00", "2026-06-30 10:00", "2026-05-31 12:00", "2025-05-31 10:00", "2025-05-31 12:00"},
	} {
		r := analytics.Range{From: at(tt.from), To: at(tt.to), Zone: zone(tt.zone)}
		if tt.now != "" {
			r.Now = at(tt.now)
		}
		compared := r.Compared(tt.with)
		require.Equal(t, []time.Time{at(tt.wantFrom), at(tt.wantTo)}, []time.Time{compared.From.UTC(), compared.To.UTC()}, name)
		require.Equal(t, r.Now.IsZero() || !r.Now.Before(r.To), r.Complete(), name)
	}
}
