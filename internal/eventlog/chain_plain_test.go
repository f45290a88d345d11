package eventlog_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// The shortcut takes every record that our codec writes, with the full verdict's head.
func TestPlainVerdictTakesHonestRecords(t *testing.T) {
	t.Parallel()
	records, heads := honest(t, 12)
	for i, r := range records {
		plain, ok := eventlog.JudgePlainly(heads[i], r, dashboardPartitions)
		require.True(t, ok)
		verdict, want, _ := eventlog.JudgeFully(heads[i], r, dashboardPartitions)
		require.Equal(t, eventlog.Effective, verdict)
		require.Equal(t, want, plain)
	}
	elsewhere := records[0]
	elsewhere.Partition = (elsewhere.Partition + 1) % dashboardPartitions
	_, ok := eventlog.JudgePlainly(heads[0], elsewhere, dashboardPartitions)
	require.False(t, ok)
}

// What headers are changed to: near misses of every check.
var (
	headerNames = []string{
		"ce_time", "ce_id", "ce_chainversion", "ce_chainprev", "ce_specversion", "content-type", "ce_type", "ce_source",
		"ce_traceparent", "traceparent", "ce_tracestate", "ce_x", "x", "CE_TIME", "",
	}
	headerValues = []string{
		"", "1.0", "2026-03-14T12:00:05.000000Z", "2026-03-14T12:00:05.5Z", "2026-03-14T12:00:05.000001+00:00", "2026-03-14T12:00:05.0000001Z",
		"2026-03-14T24:00:05.000000Z", "2026-03-14T12:00:60.000000Z", "2026-02-30T12:00:05.000000Z", "2026-03-14T12:00:05,000000Z",
		"2026-03-14T2:00:05.0000000Z", "5", "05", "+5", "é", "\xff", "\x7f", "a\tb", "application/json", "application/json ",
	}
)

// agrees fails the test if the shortcut takes a record that the full verdict does not take alike.
func agrees(t interface{ Fatalf(string, ...any) }, head domain.StreamHead, r eventlog.Record) {
	plain, ok := eventlog.JudgePlainly(head, r, dashboardPartitions)
	if !ok {
		return
	}
	verdict, want, reason := eventlog.JudgeFully(head, r, dashboardPartitions)
	if verdict != eventlog.Effective || want != plain {
		t.Fatalf("plainly effective, fully %s (%s): %q", verdict, reason, r.Headers)
	}
}

// Every single change of every header, one after the other: none is left to chance.
func TestPlainVerdictIsTheFullOneForEveryChange(t *testing.T) {
	t.Parallel()
	records, heads := honest(t, 12)
	for i, r := range records {
		try := func(change func(h []eventlog.Header) []eventlog.Header) {
			changed := r
			changed.Headers = change(slices.Clone(r.Headers))
			agrees(t, heads[i], changed)
		}
		for at := range r.Headers {
			try(func(h []eventlog.Header) []eventlog.Header { return slices.Delete(h, at, at+1) })
			try(func(h []eventlog.Header) []eventlog.Header { return slices.Insert(h, at, h[at]) })
			for _, value := range headerValues {
				try(func(h []eventlog.Header) []eventlog.Header { h[at].Value = []byte(value); return h })
				for _, name := range headerNames {
					try(func(h []eventlog.Header) []eventlog.Header {
						return slices.Insert(h, at, eventlog.Header{Key: name, Value: []byte(value)})
					})
				}
			}
			for _, name := range headerNames {
				try(func(h []eventlog.Header) []eventlog.Header { h[at].Key = name; return h })
			}
			for other := range r.Headers {
				try(func(h []eventlog.Header) []eventlog.Header { h[at], h[other] = h[other], h[at]; return h })
			}
		}
		for _, head := range heads {
			agrees(t, head, r)
			head.Time = head.Time.Add(time.Hour)
			agrees(t, head, r)
		}
		later := heads[i]
		later.Time = heads[i].Time.Add(time.Second) // as late as the record
		agrees(t, later, r)
	}
}

// Several changes at once: where the shortcut says effective, the full verdict does, with the same head.
func TestPlainVerdictIsTheFullOne(t *testing.T) {
	t.Parallel()
	records, heads := honest(t, 12)
	names, values := headerNames, headerValues
	rapid.Check(t, func(t *rapid.T) {
		i := rapid.IntRange(0, len(records)-1).Draw(t, "record")
		r, head := records[i], heads[rapid.IntRange(0, len(heads)-1).Draw(t, "head")]
		if rapid.Bool().Draw(t, "its own head") {
			head = heads[i]
		}
		if rapid.Bool().Draw(t, "later head") {
			head.Time = head.Time.Add(time.Duration(rapid.IntRange(-2, 2).Draw(t, "by")) * time.Second)
		}
		r.Headers = slices.Clone(r.Headers)
		for range rapid.IntRange(0, 2).Draw(t, "changes") {
			at := rapid.IntRange(0, len(r.Headers)-1).Draw(t, "header")
			switch rapid.IntRange(0, 6).Draw(t, "what") {
			case 0:
				r.Headers[at].Value = []byte(rapid.SampledFrom(values).Draw(t, "value"))
			case 1:
				r.Headers[at].Key = rapid.SampledFrom(names).Draw(t, "name")
			case 2:
				r.Headers = slices.Delete(r.Headers, at, at+1)
			case 3:
				r.Headers = slices.Insert(r.Headers, at, eventlog.Header{
					Key: rapid.SampledFrom(names).Draw(t, "name"), Value: []byte(rapid.SampledFrom(values).Draw(t, "value")),
				})
			case 4:
				other := rapid.IntRange(0, len(r.Headers)-1).Draw(t, "other")
				r.Headers[at], r.Headers[other] = r.Headers[other], r.Headers[at]
			case 5:
				r.Value = append(bytes.Clone(r.Value), ' ')
				r.Value[rapid.IntRange(0, len(r.Value)-1).Draw(t, "byte")] ^= 1
			case 6:
				r.Value = nil
			}
		}
		agrees(t, head, r)
	})
}

// Lower-case digits alone are digits, whatever the byte.
func TestHashesAreLowerCaseDigits(t *testing.T) {
	t.Parallel()
	good := hex.EncodeToString(bytes.Repeat([]byte{0x5a, 0xf0}, 16))
	for c := range 256 {
		for _, at := range []int{0, 1, 62, 63} {
			digits := []byte(good)
			digits[at] = byte(c)
			want, err := hex.DecodeString(string(digits))
			hash, ok := eventlog.DecodeHash(string(digits))
			require.Equal(t, err == nil && (c < 'A' || c > 'F'), ok, "byte %d", c)
			if ok {
				require.Equal(t, want, hash[:])
			}
		}
	}
}

// The quick way to a time says yes only where package time reads the same.
func TestPlainTimeIsTheFullOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		part := func(name string, most int) int { return rapid.IntRange(0, most).Draw(t, name) }
		text := []byte(fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", part("year", 9999), part("month", 13), part("day", 32), part("hour", 25),
			part("minute", 61), part("second", 61), part("micro", 999_999)))
		if rapid.Bool().Draw(t, "change") {
			text[part("at", len(text)-1)] = byte(part("byte", 255))
		}
		at, plain := eventlog.UTCTime(string(text))
		full, err := time.Parse(time.RFC3339Nano, string(text))
		if plain {
			require.NoError(t, err, "%q", text)
			require.True(t, full.Equal(at), "%q", text)
		}
	})
}
