package projections_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/foldtest"
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
		one := make([][]fold.Event, 0, len(tt.events))
		for _, ev := range tt.events {
			one = append(one, []fold.Event{ev})
		}
		for _, batches := range [][][]fold.Event{one, {tt.events}} {
			db.Delete(t, "post_contents")
			foldtest.Batches(t, db, projectors.Contents{}, batches)
			var got string
			require.NoError(t, db.Pool.QueryRow(t.Context(), "select coalesce(max(content), '') from post_contents").Scan(&got))
			require.Equal(t, tt.want, got, "%s, %d batches", name, len(batches))
		}
	}
}
