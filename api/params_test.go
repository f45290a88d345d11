package api_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

var paramsNow = time.Date(2026, 7, 15, 22, 30, 0, 0, time.UTC)

func paramsOf(values map[string]string) *api.Params {
	return api.NewParams(func(name string) (string, bool) {
		value, present := values[name]
		return value, present
	}, paramsNow)
}

// fieldsOf returns the parameters that an error names.
func fieldsOf(t *testing.T, err error) (fields []string) {
	t.Helper()
	if err == nil {
		return nil
	}
	require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
	var known *domain.Error
	require.ErrorAs(t, err, &known)
	for _, f := range known.Fields {
		fields = append(fields, f.Field)
	}
	return fields
}

func TestRanges(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ start, end, tz, from, to string }{
		"days, the end day included":    {"2026-01-01", "2026-01-31", "", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"},
		"one day":                       {"2026-01-01", "2026-01-01", "", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"},
		"days of a zone":                {"2026-01-01", "2026-01-01", "Europe/Berlin", "2025-12-31T23:00:00Z", "2026-01-01T23:00:00Z"},
		"a day of 23 hours":             {"2026-03-29", "2026-03-29", "Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"},
		"a day of 25 hours":             {"2026-10-25", "2026-10-25", "Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"},
		"a day without midnight":        {"2026-03-08", "2026-03-08", "America/Havana", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"},
		"a day with two midnights":      {"2026-11-01", "2026-11-01", "America/Havana", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"},
		"instants, half-open":           {"2026-01-01T10:00:00Z", "2026-01-01T12:00:00+01:00", "", "2026-01-01T10:00:00Z", "2026-01-01T11:00:00Z"},
		"instants ignore the zone":      {"2026-01-01T10:00:00Z", "2026-01-01T11:00:00Z", "Asia/Tokyo", "2026-01-01T10:00:00Z", "2026-01-01T11:00:00Z"},
		"lower case, space":             {"2026-01-01t10:00:00z", "2026-01-01 11:00:00Z", "", "2026-01-01T10:00:00Z", "2026-01-01T11:00:00Z"},
		"a plus that was not escaped":   {"2026-01-01T10:00:00 01:00", "2026-01-01 11:00:00 01:00", "", "2026-01-01T09:00:00Z", "2026-01-01T10:00:00Z"},
		"fractions":                     {"2026-01-01T10:00:00.1234567Z", "2026-01-01T11:00:00Z", "", "2026-01-01T10:00:00.123456Z", "2026-01-01T11:00:00Z"},
		"Unix seconds":                  {"1767225600", "1767312000", "", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"},
		"Unix milliseconds":             {"1767225600000", "1767312000000", "", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"},
		"the beginning of Unix":         {"0", "1970-01-02", "", "1970-01-01T00:00:00Z", "1970-01-03T00:00:00Z"},
		"the first day, east":           {"1970-01-01", "1970-01-01", "Asia/Tokyo", "1969-12-31T15:00:00Z", "1970-01-01T15:00:00Z"},
		"mixed":                         {"2026-01-01", "2026-01-01T12:00:00Z", "", "2026-01-01T00:00:00Z", "2026-01-01T12:00:00Z"},
		"none: the last 30 days":        {"", "", "", "2026-06-16T00:00:00Z", "2026-07-16T00:00:00Z"},
		"none, where it is tomorrow":    {"", "", "Asia/Tokyo", "2026-06-16T15:00:00Z", "2026-07-16T15:00:00Z"},
		"no end: to the end of today":   {"2026-07-01", "", "", "2026-07-01T00:00:00Z", "2026-07-16T00:00:00Z"},
		"no start: 30 days to a day":    {"", "2026-03-31", "Europe/Berlin", "2026-03-01T23:00:00Z", "2026-03-31T22:00:00Z"},
		"no start: 30 days to instants": {"", "2026-01-31T10:00:00Z", "", "2026-01-01T10:00:00Z", "2026-01-31T10:00:00Z"},
		"leap day":                      {"2024-02-29", "2024-02-29", "", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"},
	} {
		p := paramsOf(map[string]string{"startTime": test.start, "endTime": test.end, "tz": test.tz})
		window := p.Range(api.StartTime, api.EndTime)
		require.NoError(t, p.Err(), name)
		require.Equal(t, test.from, window.From.UTC().Format(time.RFC3339Nano), name)
		require.Equal(t, test.to, window.To.UTC().Format(time.RFC3339Nano), name)
		require.Equal(t, window, p.Range(api.StartTime, api.EndTime), "asked twice")
		if test.tz != "" {
			require.Equal(t, test.tz, window.Zone.String())
		}
	}
}

func TestRangesThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		start, end, tz string
		fields         []string
	}{
		"start after end":        {"2026-02-01", "2026-01-31", "", []string{"startTime"}},
		"empty span of instants": {"2026-01-01T10:00:00Z", "2026-01-01T10:00:00Z", "", []string{"startTime"}},
		"start after today":      {"2026-08-01", "", "", []string{"startTime"}},
		"no such day":            {"2026-02-30", "2026-03-01", "", []string{"startTime"}},
		"both are nonsense":      {"yesterday", "tomorrow", "", []string{"endTime", "startTime"}},
		"year without end":       {"10000-01-01", "2026-01-01", "", []string{"startTime"}},
		"instant without zone":   {"2026-01-01T10:00:00", "2026-01-02", "", []string{"startTime"}},
		"before 1970":            {"1969-12-31", "1970-01-02", "", []string{"startTime"}},
		"negative":               {"-1", "2026-01-01", "", []string{"startTime"}},
		"beyond the calendar":    {"2026-01-01", "9223372036854775807", "", []string{"endTime"}},
		"beyond int64":           {"2026-01-01", "99999999999999999999", "", []string{"endTime"}},
		"last day of JSON":       {"9999-12-01", "9999-12-31", "", []string{"endTime"}},
		"over three years":       {"2023-01-01", "2026-01-02", "", []string{"startTime"}},
		"unknown zone":           {"2026-01-01", "2026-01-02", "Mars/Olympus", []string{"tz"}},
		"a day without hyphens":  {"20260101", "2026-01-31", "", []string{"startTime"}},
		"the system's own zone":  {"2026-01-01", "2026-01-02", "localtime", []string{"tz"}},
		"leap seconds":           {"2026-01-01", "2026-01-02", "right/UTC", []string{"tz"}},
		"the machine's zone":     {"2026-01-01", "2026-01-02", "Local", []string{"tz"}},
		"a path":                 {"2026-01-01", "2026-01-02", "../../etc/passwd", []string{"tz"}},
		"a NUL":                  {"2026-01-01", "2026-01-02", "UTC\x00", []string{"tz"}},
	} {
		p := paramsOf(map[string]string{"startTime": test.start, "endTime": test.end, "tz": test.tz})
		p.Range(api.StartTime, api.EndTime)
		require.Equal(t, test.fields, fieldsOf(t, p.Err()), name)
	}
}

func TestPlatformsAndCategories(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]domain.Platform{
		"": domain.Platforms(), "0": domain.Platforms(), "all": domain.Platforms(), "ALL": domain.Platforms(),
		"1": {domain.Facebook}, "3": {domain.Instagram}, "4": {domain.LinkedIn}, "6": {domain.TikTok},
		"2": nil, "5": nil, "01": nil, "1,3": nil, "-1": nil, "facebook": nil, "+1": nil, "１": nil,
	} {
		p := paramsOf(map[string]string{"pId": text})
		got := p.Platforms()
		require.NotEmpty(t, got)
		if want == nil {
			require.Equal(t, []string{"pId"}, fieldsOf(t, p.Err()), text)
			continue
		}
		require.NoError(t, p.Err(), text)
		require.Equal(t, want, got)
	}
	for text, want := range map[string]int64{"": 0, "0": 0, "all": 0, "17": 17, "-1": -1, "x": -1, "1.5": -1} {
		p := paramsOf(map[string]string{"cId": text})
		got := p.Category()
		require.Equal(t, want < 0, p.Err() != nil, text)
		if want >= 0 {
			require.Equal(t, want, got)
		}
	}
}

func FuzzParams(f *testing.F) {
	f.Add("2026-01-01", "1767225600", "Europe/Berlin", "3", "7", "20", "abc")
	f.Add("", "2026-01-01T00:00:00+14:00", "America/Havana", "all", client1, "", "")
	f.Fuzz(func(t *testing.T, start, end, tz, platform, account, limit, cursor string) {
		p := paramsOf(map[string]string{
			"startTime": start, "endTime": end, "tz": tz, "pId": platform, "account": account, "limit": limit, "cursor": cursor,
		})
		window := p.Range(api.StartTime, api.EndTime)
		platforms, page, ref := p.Platforms(), p.Page(), append(p.Accounts(api.Account), readmodels.AccountRef{})[0]
		if p.Err() != nil {
			require.NotEmpty(t, fieldsOf(t, p.Err()))
			return
		}
		require.True(t, window.From.Before(window.To))
		require.LessOrEqual(t, window.To.Sub(window.From), 4*366*24*time.Hour)
		_, err := window.To.MarshalJSON()
		require.NoError(t, err)
		require.NotNil(t, window.Zone)
		require.NotEmpty(t, platforms)
		require.Positive(t, page.Limit)
		require.True(t, ref.ID == "" || ref.RowID == 0)
	})
}
