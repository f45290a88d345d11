package projections_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/foldtest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
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

// textsErased erases what was said of the posts of a post's account up to some hours after day0.
func textsErased(post domain.PostRef, hours int) fold.Event {
	erased := domain.AccountErased{
		ParentAccount: post.ParentAccount, SocialAccount: post.SocialAccount, Platform: domain.Facebook, ErasedAt: day0.Add(time.Duration(hours) * time.Hour),
	}
	ev := foldtest.Event("erased", erased)
	ev.Key = erased.ContentsKey() + ":0"
	return ev
}

// The cases of the package's documentation: what counts of a key, in whatever batches its records come.
func TestWhatCountsOfAPost(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	type says struct {
		contents, erased int
		text             string
		covered          bool
	}
	for name, tt := range map[string]struct {
		events []fold.Event
		want   says
	}{
		"said once":                       {[]fold.Event{saidEvent(1, "a")}, says{1, 0, "a", false}},
		"said twice":                      {[]fold.Event{saidEvent(1, "a"), saidEvent(1, "a")}, says{1, 0, "a", false}},
		"changed":                         {[]fold.Event{saidEvent(1, "a"), saidEvent(2, "b")}, says{1, 0, "b", false}},
		"out of order":                    {[]fold.Event{saidEvent(2, "b"), saidEvent(1, "a")}, says{1, 0, "b", true}},
		"out of order, and said again":    {[]fold.Event{saidEvent(2, "b"), saidEvent(1, "a"), saidEvent(2, "b")}, says{1, 0, "b", false}},
		"erased":                          {[]fold.Event{saidEvent(1, "a"), saidEvent(2, "")}, says{0, 1, "", false}},
		"erased before it came":           {[]fold.Event{saidEvent(2, "")}, says{0, 1, "", false}},
		"erased, then late content":       {[]fold.Event{saidEvent(1, "a"), saidEvent(3, ""), saidEvent(2, "b")}, says{0, 1, "", true}},
		"late content, and erased again":  {[]fold.Event{saidEvent(3, ""), saidEvent(2, "b"), saidEvent(3, "")}, says{0, 1, "", false}},
		"erased in the instant it came":   {[]fold.Event{saidEvent(1, "a"), saidEvent(1, "")}, says{0, 1, "", false}},
		"an erasure before what it meets": {[]fold.Event{saidEvent(2, "a"), saidEvent(1, "")}, says{1, 0, "a", true}},
		"its account erased":              {[]fold.Event{saidEvent(1, "a"), textsErased(somePost, 2)}, says{0, 1, "", true}},
		"its account erased before":       {[]fold.Event{textsErased(somePost, 2), saidEvent(1, "a")}, says{0, 1, "", true}},
		"of the instant of that":          {[]fold.Event{saidEvent(1, "a"), textsErased(somePost, 2), saidEvent(2, "b")}, says{1, 0, "b", false}},
		"late, and of before that":        {[]fold.Event{saidEvent(3, "b"), textsErased(somePost, 2), saidEvent(1, "a")}, says{1, 0, "b", true}},
		"an account erased twice":         {[]fold.Event{textsErased(somePost, 3), textsErased(somePost, 1), saidEvent(2, "a")}, says{0, 1, "", true}},
		"told anew after the erasure":     {[]fold.Event{saidEvent(1, "a"), saidEvent(2, ""), saidEvent(3, "c")}, says{1, 0, "c", false}},
	} {
		t.Run(name, func(t *testing.T) {
			one := make([][]fold.Event, 0, len(tt.events))
			for _, ev := range tt.events {
				one = append(one, []fold.Event{ev})
			}
			for _, batches := range [][][]fold.Event{one, {tt.events}} {
				_, err := db.Pool.Exec(t.Context(), "truncate post_contents, erased_contents, content_erasures")
				require.NoError(t, err)
				foldtest.Batches(t, db, projectors.Contents{}, batches)
				var got says
				require.NoError(t, db.Pool.QueryRow(t.Context(), `
					select (select count(*) from post_contents), (select count(*) from erased_contents),
					       coalesce((select content from post_contents), ''),
					       (select bool_or(covered) from (select covered from post_contents union all select covered from erased_contents) x)`).
					Scan(&got.contents, &got.erased, &got.text, &got.covered))
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

	// The last batch of a partition is never removed: heartbeats follow, which no projection folds.
	for partition := range partitions[domain.TopicContents] {
		b.append(eventlog.HeartbeatDraft(domain.TopicContents, partition, partitions[domain.TopicContents], day0))
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
	require.Zero(t, b.count("select count(*) from parked p join pointer using (projection, generation)"))
}

// What was said before the erasure of an account makes no row, in whatever order the records come, how often, and in which batches: the table
// is that of a log that has the erasures and the rest alone. What lies in the log without a tombstone over it is said again until there is one.
func TestErasedTextsMakeNoRows(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	p := projectors.Contents{}
	rapid.Check(t, func(t *rapid.T) {
		var events, remain []fold.Event
		until := map[domain.PostRef]int{}
		for range rapid.IntRange(1, 12).Draw(t, "erasures") {
			post, hour := drawnPost(t), rapid.IntRange(1, 6).Draw(t, "until")
			of := domain.PostRef{ParentAccount: post.ParentAccount, SocialAccount: post.SocialAccount}
			until[of] = max(until[of], hour)
			events = append(events, textsErased(post, hour))
		}
		remain = append(remain, events...)
		latest := map[string]time.Time{}
		for i := range rapid.IntRange(1, 8).Draw(t, "said") {
			post, hour := drawnPost(t), rapid.IntRange(0, 7).Draw(t, "hour")
			content := domain.PostContent{PostRef: post, AccountID: agencyA, Origin: domain.OriginListing, PostTexts: domain.PostTexts{Content: "text of " + fmt.Sprint(hour)}}
			ev := foldtest.Event(fmt.Sprint("said ", i), content)
			ev.Key, ev.Envelope.Time = content.Key(), day0.Add(time.Duration(hour)*time.Hour)
			events = append(events, ev)
			if hour >= until[domain.PostRef{ParentAccount: post.ParentAccount, SocialAccount: post.SocialAccount}] {
				remain = append(remain, ev)
				latest[ev.Key] = ev.Envelope.Time
			}
		}
		rowsOf := func(sql string) []string {
			found, err := db.Pool.Query(context.Background(), sql)
			require.NoError(t, err)
			rows, err := pgx.CollectRows(found, pgx.RowTo[string])
			require.NoError(t, err)
			return rows
		}
		folded := func(events []fold.Event) []string {
			var remembered [][]string
			for _, most := range []int{1, len(events)} {
				_, err := db.Pool.Exec(context.Background(), "truncate post_contents, erased_contents, content_erasures")
				require.NoError(t, err)
				var batches [][]fold.Event
				for left := events; len(left) > 0; {
					n := min(len(left), rapid.IntRange(1, max(1, most)).Draw(t, "batch"))
					batches, left = append(batches, left[:n]), left[n:]
				}
				foldtest.Batches(t, db, p, batches)
				remembered = append(remembered, rowsOf(`
					select e::text from erased_contents e union all select p::text from post_contents p union all select c::text from content_erasures c order by 1`))
			}
			require.Equal(t, remembered[0], remembered[1], "one by one, and in whatever batches")
			return rowsOf(`select concat_ws(' ', parent_account, social_account_id, external_id, content, told_at) from post_contents order by 1`)
		}
		want := folded(remain)
		require.Len(t, want, len(latest))
		require.Equal(t, want, folded(rapid.Permutation(events).Draw(t, "order")))
		var unsaid int
		require.NoError(t, db.Pool.QueryRow(context.Background(), `
			select count(*) from erased_contents e join content_erasures c using (parent_account, social_account_id)
			where e.erased_at = c.erased_at - interval '1 microsecond' and not e.covered`).Scan(&unsaid))
		require.Zero(t, unsaid, "each lies in the log, and a tombstone must follow")
	})
}

// drawnPost draws one of some posts of three accounts.
func drawnPost(t *rapid.T) domain.PostRef {
	return domain.PostRef{
		ParentAccount: rapid.SampledFrom([]string{agencyA, agencyB}).Draw(t, "agency"), SocialAccount: int64(rapid.IntRange(1, 2).Draw(t, "account")),
		ExternalID: rapid.SampledFrom([]string{"p", "q"}).Draw(t, "post"),
	}
}
