package domain_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
)

// plainTexts are texts of readings; one in some has what only the full decoder reads.
var plainTexts = rapid.OneOf(
	rapid.SampledFrom([]string{"", "page_media_view", "days_28", "2026-10-01", "~", " ", "5a0000000000000000000000"}),
	rapid.SampledFrom([]string{"", "x", "a", "b", "c", "d", "e", "a\"b", `\`, "a<b", "é"}),
)

// plainNumbers are numbers as figures have them, at the edges of what the quick way reads too.
var plainNumbers = rapid.OneOf(
	rapid.Int64Range(0, 100), rapid.Int64(),
	rapid.SampledFrom([]int64{999_999_999_999_999_999, 1_000_000_000_000_000_000, -999_999_999_999_999_999}),
)

var plainTimes = rapid.Custom(func(t *rapid.T) time.Time {
	at := time.Unix(rapid.Int64Range(-62_135_596_800, 253_402_300_799).Draw(t, "second"), 0).UTC() // the years 1 to 9999
	return at.Add(time.Duration(rapid.SampledFrom([]int64{0, 1000, 123_456_000, 999_999_999, 500_000_000}).Draw(t, "nanos")))
})

// orNil is nil in some cases.
func orNil[T any](t *rapid.T, name string, of *rapid.Generator[T]) *T {
	if rapid.IntRange(0, 2).Draw(t, name) == 0 {
		return nil
	}
	v := of.Draw(t, name)
	return &v
}

func drawTenant(t *rapid.T) domain.Tenant {
	return domain.Tenant{
		ParentAccount: plainTexts.Draw(t, "parent"), AccountID: plainTexts.Draw(t, "account"),
		MemberID: plainNumbers.Draw(t, "member"), SocialAccount: plainNumbers.Draw(t, "social"),
	}
}

var drawMissing = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) domain.MissingFigure {
	return domain.MissingFigure{Name: plainTexts.Draw(t, "name"), Reason: plainTexts.Draw(t, "reason"), Detail: plainTexts.Draw(t, "detail")}
}), 0, 2)

var drawPostRead = rapid.Custom(func(t *rapid.T) domain.PostRead {
	count := func(name string) *int64 { return orNil(t, name, plainNumbers) }
	return domain.PostRead{
		Tenant: drawTenant(t), Platform: domain.Platform(rapid.IntRange(-1, 9).Draw(t, "platform")),
		AccountType: domain.AccountType(rapid.IntRange(0, 2).Draw(t, "type")), ExternalID: plainTexts.Draw(t, "external"),
		CapturedAt: plainTimes.Draw(t, "captured"), PublishedAt: orNil(t, "published", plainTimes), Backfilled: rapid.Bool().Draw(t, "backfilled"),
		Counts: domain.Counts{
			Likes: count("likes"), Comments: count("comments"), Shares: count("shares"), Views: count("views"),
			Impressions: count("impressions"), Reach: count("reach"), Clicks: count("clicks"),
			Saves: count("saves"), AvgWatch: count("watch"),
		},
		Missing: drawMissing.Draw(t, "missing"), GrowthEligible: rapid.Bool().Draw(t, "eligible"), GrowthWindow: plainTexts.Draw(t, "window"),
		SubscriptionActive: rapid.Bool().Draw(t, "active"), FromZero: rapid.Bool().Draw(t, "zero"), TrackedSince: orNil(t, "tracked", plainTimes),
	}
})

var drawAccountRead = rapid.Custom(func(t *rapid.T) domain.AccountRead {
	figure := rapid.Custom(func(t *rapid.T) domain.Figure {
		return domain.Figure{
			Name: plainTexts.Draw(t, "name"), Kind: domain.Kind(plainTexts.Draw(t, "kind")), Value: plainNumbers.Draw(t, "value"),
			Source: plainTexts.Draw(t, "source"), Day: plainTexts.Draw(t, "day"), Window: plainTexts.Draw(t, "window"),
		}
	})
	facet := rapid.Custom(func(t *rapid.T) domain.DemographicFacet {
		return domain.DemographicFacet{
			Facet: plainTexts.Draw(t, "facet"), Values: rapid.MapOfN(plainTexts, plainNumbers, 0, 2).Draw(t, "values"),
			Names: rapid.MapOfN(plainTexts, plainTexts, 0, 2).Draw(t, "names"),
		}
	})
	return domain.AccountRead{
		Tenant: drawTenant(t), Platform: domain.Platform(rapid.IntRange(-1, 9).Draw(t, "platform")),
		AccountType: domain.AccountType(rapid.IntRange(0, 2).Draw(t, "type")),
		CapturedAt:  plainTimes.Draw(t, "captured"), Backfilled: rapid.Bool().Draw(t, "backfilled"),
		Figures: rapid.SliceOfN(figure, 0, 2).Draw(t, "figures"), Missing: drawMissing.Draw(t, "missing"),
		Demographics: rapid.SliceOfN(facet, 0, 2).Draw(t, "demographics"),
	}
})

// Whatever readings hold, and in spellings that differ by one byte.
func TestPlainReadingsAreTheFullOnes(t *testing.T) {
	t.Parallel()
	t.Run("posts", func(t *testing.T) {
		t.Parallel()
		checkPlainReadings(t, domain.PostReadPlainly, domain.PostReadWritten, drawPostRead)
	})
	t.Run("accounts", func(t *testing.T) {
		t.Parallel()
		checkPlainReadings(t, domain.AccountReadPlainly, domain.AccountReadWritten, drawAccountRead)
	})
}

func checkPlainReadings[T domain.Data](
	t *testing.T, plainly func([]byte) (T, bool), written func(T) ([]byte, bool), draw *rapid.Generator[T],
) {
	t.Helper()
	taken, differing, wrote := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		reading := draw.Draw(t, "reading")
		raw, err := json.Marshal(reading)
		require.NoError(t, err)
		if quickly, plain := written(reading); plain {
			require.Equal(t, string(raw), string(quickly))
			wrote++
		}
		quick, others := sameInAnySpelling(t, plainly, raw, someByte.Draw(t, "byte"))
		if differing += others; quick {
			taken++
		}
	})
	require.NotZero(t, taken)
	require.NotZero(t, wrote)
	require.NotZero(t, differing, "within a text or a number, every byte may be another")
}

// Times that only look like times, and calendars that end before the 31st.
func TestPlainTimesAreTheFullOnes(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"2026-10-01T00:00:00Z", "2026-02-28T23:59:59.5Z", "2024-02-29T00:00:00.000001Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z",
		"2026-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-00-10T00:00:00Z", "2026-13-10T00:00:00Z", "2026-10-00T00:00:00Z", "2026-10-32T00:00:00Z",
		"2026-10-01T24:00:00Z", "2026-10-01T23:60:00Z", "2026-10-01T23:59:60Z", "2026-10-01T00:00:00.Z", "2026-10-01T00:00:00.1234567890Z",
		"2026-10-01T00:00:00,5Z", "2026-10-01T00:00:00z", "2026-10-01t00:00:00Z", "2026-10-01T00:00:00", "2026-10-01T00:00:00+00:00",
		"2026-10-01T00:00:00+02:00", "2026-10-01T0:00:00Z", "+026-10-01T00:00:00Z", "2026-10-01T00:00:00.-5Z", "", "Z",
	} {
		raw, err := json.Marshal(domain.PostRead{})
		require.NoError(t, err)
		zero, err := json.Marshal(time.Time{})
		require.NoError(t, err)
		require.Contains(t, string(raw), string(zero))
		sameAsJSON(t, domain.PostReadPlainly, []byte(strings.Replace(string(raw), string(zero), `"`+text+`"`, 1)))
	}
}

// Nearly all readings are plain: to read them quickly is the point, and must not be lost unseen.
func TestPlainReadingsAreReadPlainly(t *testing.T) {
	t.Parallel()
	for name, raw := range samplesOf(t, domain.PostRead{}.EventType()) {
		require.True(t, sameAsJSON(t, domain.PostReadPlainly, encoded[domain.PostRead](t, raw)), name)
		requireWritten(t, domain.PostReadWritten, raw)
	}
	for name, raw := range samplesOf(t, domain.AccountRead{}.EventType()) {
		require.True(t, sameAsJSON(t, domain.AccountReadPlainly, encoded[domain.AccountRead](t, raw)), name)
		if !strings.Contains(string(raw), `"demographics"`) {
			requireWritten(t, domain.AccountReadWritten, raw)
		}
	}
}

// A text with a character that JSON escapes, a time that is not UTC, and what comes once a day are for the full encoder.
func TestReadingsThatAreNotPlainAreNotWrittenQuickly(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`"`, `\`, "<", ">", "&", "\n", "\x7f", "é", "\u2028", "\xff"} {
		_, plain := domain.PostReadWritten(domain.PostRead{ExternalID: text})
		require.False(t, plain, "%q", text)
	}
	at := time.Date(2026, 10, 1, 0, 0, 0, 0, time.FixedZone("", 3600))
	_, plain := domain.PostReadWritten(domain.PostRead{CapturedAt: at})
	require.False(t, plain)
	_, plain = domain.AccountReadWritten(domain.AccountRead{Demographics: []domain.DemographicFacet{{Facet: "age"}}})
	require.False(t, plain)
}

// requireWritten demands that a sample is written quickly, and as encoding/json does.
func requireWritten[T domain.Data](t *testing.T, written func(T) ([]byte, bool), sample []byte) {
	t.Helper()
	var data T
	require.NoError(t, json.Unmarshal(sample, &data))
	quickly, plain := written(data)
	require.True(t, plain)
	require.Equal(t, string(encoded[T](t, sample)), string(quickly))
}

// encoded is a payload as it is written today.
func encoded[T domain.Data](t testing.TB, raw []byte) []byte {
	t.Helper()
	var data T
	require.NoError(t, json.Unmarshal(raw, &data))
	written, err := json.Marshal(data)
	require.NoError(t, err)
	return written
}

func FuzzPlainReadings(f *testing.F) {
	for _, raw := range samplesOf(f, domain.PostRead{}.EventType()) {
		f.Add(encoded[domain.PostRead](f, raw))
	}
	for _, raw := range samplesOf(f, domain.AccountRead{}.EventType()) {
		f.Add(encoded[domain.AccountRead](f, raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		sameAsJSON(t, domain.PostReadPlainly, raw)
		sameAsJSON(t, domain.AccountReadPlainly, raw)
	})
}
