package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/produce"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// compacted is a service and the brokers under it, with posts of one account and records of the directory to lay records over.
type compacted struct {
	*process
	brokers []string
}

func withCompacted(t *testing.T, use func(c compacted)) {
	t.Helper()
	dir := t.TempDir()
	withService(t, dir, func(a *process, _ string) {
		address, err := os.ReadFile(filepath.Join(dir, "broker", "address"))
		require.NoError(t, err)
		use(compacted{a, []string{strings.TrimSpace(string(address))}})
	})
}

// said is a record of ours of a post's content at an hour, as this program would not encode it.
func (c compacted) said(t *testing.T, post string, hour int, eventType string) eventlog.Record {
	t.Helper()
	draft := commands.ContentDraft(domain.PostContent{
		PostRef: domain.PostRef{ParentAccount: eraseAgency, SocialAccount: 700, ExternalID: post}, AccountID: eraseClient,
		Origin: domain.OriginListing, PostTexts: domain.PostTexts{Content: "counts"},
	}, time.Date(2026, 3, 1, hour, 0, 0, 0, time.UTC))
	return c.ofAnotherProgram(t, draft, eventType)
}

// ofAnotherProgram is a record as another version of this program may have written it: with a header and a blank more, and of another type.
func (c compacted) ofAnotherProgram(t *testing.T, draft domain.Draft, eventType string) eventlog.Record {
	t.Helper()
	r, err := c.Log.Codec().Encode(draft)
	require.NoError(t, err)
	r.Headers = append(r.Headers, eventlog.Header{Key: "ce_zone", Value: []byte("east")})
	for i, h := range r.Headers {
		if h.Key == "ce_type" && eventType != "" {
			r.Headers[i].Value = []byte(eventType)
		}
	}
	if len(r.Value) > 0 {
		r.Value = append([]byte(" "), r.Value...)
	}
	return r
}

// put lays records over each other in the log and returns the last one's place.
func (c compacted) put(t *testing.T, records ...eventlog.Record) domain.Position {
	t.Helper()
	var at domain.Position
	for _, r := range records {
		partition := eventlog.PartitionOf(r.Key, c.partitions(t, r.Topic))
		offset, err := produce.Record(t.Context(), c.brokers, r, partition)
		require.NoError(t, err)
		at = domain.Position{Topic: r.Topic, Partition: partition, Offset: offset}
	}
	return at
}

func (c compacted) partitions(t *testing.T, topic string) int32 {
	t.Helper()
	ranges, _, err := c.Log.Ranges(t.Context(), topic)
	require.NoError(t, err)
	return int32(len(ranges))
}

// stray is an invalid record over another one's key.
func stray(over eventlog.Record) eventlog.Record {
	return eventlog.Record{Topic: over.Topic, Key: over.Key, Value: []byte("{}")}
}

// counts waits until a statement counts so many.
func (c compacted) counts(t *testing.T, want int, sql string) {
	t.Helper()
	require.Eventually(t, func() bool { return c.countsOf(t, sql) == want }, patience, 10*time.Millisecond, sql)
}

// requireAgain looks after compacted topics and requires that the record lies behind a place, and nothing behind it once that is done again.
func (c compacted) requireAgain(t *testing.T, want eventlog.Record, behind domain.Position) {
	t.Helper()
	for range 2 {
		_, err := c.KeepCompacted(t.Context(), time.Now())
		require.NoError(t, err)
	}
	behind.Offset++
	got, err := c.Log.ReadAt(t.Context(), behind)
	require.NoError(t, err)
	require.Equal(t, want.Key, got.Key)
	require.Equal(t, want.Value, got.Value)
	require.Equal(t, want.Headers, got.Headers)
	ranges, _, err := c.Log.Ranges(t.Context(), behind.Topic)
	require.NoError(t, err)
	require.Equal(t, behind.Offset+1, ranges[behind.Partition].End, "once is enough")
}

// What counts is appended again byte for byte: with its id, and whatever else another version of the program wrote.
func TestWhatCountsIsAppendedAgainByteForByte(t *testing.T) {
	withCompacted(t, func(c compacted) {
		counts := c.said(t, "p", 3, "")
		at := c.put(t, c.said(t, "p", 2, ""), counts, c.said(t, "p", 1, ""))
		c.counts(t, 1, "select count(*) from post_contents where covered")
		c.requireAgain(t, counts, at)
		c.counts(t, 0, "select count(*) from post_contents where covered")
	})
}

// A record that this program cannot decode counts by its time all the same, for the program that can: somebody who lays a record over it does
// not have the cleaner take it.
func TestAParkedRecordIsAppendedAgain(t *testing.T) {
	withCompacted(t, func(c compacted) {
		alone := c.said(t, "alone", 3, "contents.post_content.v9")
		at := c.put(t, alone, stray(alone))
		c.counts(t, 1, "select count(*) from lb_engine.parked")
		c.requireAgain(t, alone, at)
	})
}
