package projections_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/foldtest"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

var somePost = domain.PostRef{ParentAccount: agencyA, SocialAccount: 11, ExternalID: "1:7"}

// said is what the listing said of somePost, some hours after day0; "" erases it.
func said(hours int, text string) domain.Draft {
	content := domain.PostContent{PostRef: somePost, AccountID: agencyA, Origin: domain.OriginListing, PostTexts: domain.PostTexts{Content: text}}
	d := draft(domain.TopicContents, content.Key(), "said "+text, content)
	d.Envelope.Time = day0.Add(time.Duration(hours) * time.Hour)
	if text == "" {
		d.Data, d.Envelope.Type = nil, content.EventType()
	}
	return d
}

func saidEvent(hours int, text string) fold.Event {
	d := said(hours, text)
	return fold.Event{Recorded: domain.Recorded{Key: d.Key, Envelope: d.Envelope, Data: d.Data}}
}

// The last record of a key counts, in whatever batches the records come.
func TestWhatCountsOfAPost(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for name, tt := range map[string]struct {
		events []fold.Event
		want   string // "": no row
	}{
		"said once":                   {[]fold.Event{saidEvent(1, "a")}, "a"},
		"said twice":                  {[]fold.Event{saidEvent(1, "a"), saidEvent(1, "a")}, "a"},
		"changed":                     {[]fold.Event{saidEvent(1, "a"), saidEvent(2, "b")}, "b"},
		"an older one comes late":     {[]fold.Event{saidEvent(2, "b"), saidEvent(1, "a")}, "a"},
		"erased":                      {[]fold.Event{saidEvent(1, "a"), saidEvent(2, "")}, ""},
		"erased before it came":       {[]fold.Event{saidEvent(2, "")}, ""},
		"said again after an erasure": {[]fold.Event{saidEvent(1, "a"), saidEvent(2, ""), saidEvent(3, "c")}, "c"},
	} {
		t.Run(name, func(t *testing.T) {
			one := make([][]fold.Event, 0, len(tt.events))
			for _, ev := range tt.events {
				one = append(one, []fold.Event{ev})
			}
			for _, batches := range [][][]fold.Event{one, {tt.events}} {
				db.Delete(t, "post_contents")
				foldtest.Batches(t, db, projectors.Contents{}, batches)
				var got string
				require.NoError(t, db.Pool.QueryRow(t.Context(), "select coalesce(max(content), '') from post_contents").Scan(&got))
				require.Equal(t, tt.want, got, "%d batches", len(batches))
			}
		})
	}
}

// A rebuild of contents alone, beside live, and one after compaction: a record that is parked and the last of its key has taken the one
// before it away, which is told.
func TestContentsAreRebuiltAfterCompaction(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := projectors.Contents{}
	b.append(said(1, "good"))
	b.put(withValue(b.encode(said(2, "parked")), `{`))
	e := b.engine(p)
	b.start(e)
	b.caughtUp(e)
	require.Equal(t, 1, b.count("select count(*) from post_contents"), "a parked record changes nothing")
	b.ends(b.requestOf(p).ID, operator.RebuildDone)
	require.True(t, b.check(p).Equal)

	// The last batch of a partition is never removed: tombstones of other posts follow.
	for n := range 20 * int(partitions[domain.TopicContents]) {
		other := somePost
		other.ExternalID = fmt.Sprint("other", n)
		d := said(1, "")
		d.Key, d.Envelope.ID = other.ContentKey(domain.OriginListing), "tombstone "+other.ExternalID
		d.Envelope.Subject = d.Key
		b.append(d)
	}
	b.caughtUp(e)
	b.cluster.Compact()
	r := b.check(p)
	require.False(t, r.Equal)
	require.Contains(t, r.Tables[0].Note, "compaction has removed the record that made "+somePost.ContentKey(domain.OriginListing))

	b.append(said(3, "told again"))
	b.caughtUp(e)
	b.ends(b.requestOf(p).ID, operator.RebuildDone)
	require.True(t, b.check(p).Equal)
	require.Zero(t, b.count("select count(*) from parked join generations g using (projection, generation) where g.state = 'live'"))
}
