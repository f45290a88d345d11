package projections_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// plant puts a record that has no tag over a key.
func (b *bench) plant(d domain.Draft) {
	b.t.Helper()
	r := b.encode(d)
	result := b.raw.ProduceSync(b.ctx(), &kgo.Record{
		Topic: r.Topic, Partition: b.partitionOf(r.Topic, d.Key), Key: r.Key, Value: r.Value, Headers: r.Headers,
	})
	require.NoError(b.t, result.FirstErr())
}

// A foreign record over a key of a compacted topic changes no row, and is no reason to lose one: the row says that it is covered until what
// counts is appended again. A rebuild and a check of the tables say the same.
func TestForeignRecordsCover(t *testing.T) {
	t.Parallel()
	later := func(d domain.Draft) domain.Draft {
		d.Envelope.Time = d.Envelope.Time.AddDate(70, 0, 0)
		return d
	}
	for name, tt := range map[string]struct {
		projector fold.Projector
		genuine   []domain.Draft // the last is covered
		planted   []domain.Draft
		covered   string // how many rows say so, of those that count
	}{
		"an entity": {
			projectors.Directory{},
			[]domain.Draft{category(2, "other"), category(1, "ours")},
			[]domain.Draft{later(category(1, "theirs")), category(9, "of nobody")},
			"select count(*) from tDefaultCategories where id = 1 and name = 'ours' and covered",
		},
		"an entity that they erase": {
			projectors.Directory{},
			[]domain.Draft{category(2, "other"), category(1, "ours")},
			[]domain.Draft{later(categoryErased(1))},
			"select count(*) from tDefaultCategories where id = 1 and name = 'ours' and covered",
		},
		"an erasure": {
			projectors.Directory{},
			[]domain.Draft{category(2, "other"), category(1, "ours"), categoryErased(1)},
			[]domain.Draft{later(category(1, "back"))},
			"select count(*) from erased_entities where id = '1' and covered",
		},
		"content": {
			projectors.Contents{},
			[]domain.Draft{said(1, "ours")},
			[]domain.Draft{later(said(2, "theirs"))},
			"select count(*) from post_contents where content = 'ours' and covered",
		},
		"erased content": {
			projectors.Contents{},
			[]domain.Draft{said(1, "ours"), said(2, "")},
			[]domain.Draft{later(said(3, "back"))},
			"select count(*) from erased_contents where covered",
		},
	} {
		for batches, most := range map[string]int{"in one batch": 5000, "in batches of one": 1} {
			t.Run(name+", "+batches, func(t *testing.T) {
				t.Parallel()
				b := setup(t)
				e := b.engine(tt.projector).InBatchesOf(most)
				b.append(tt.genuine...)
				for _, d := range tt.planted {
					b.plant(d)
				}
				b.start(e)
				b.caughtUp(e)
				require.Equal(t, 1, b.count(tt.covered))
				require.Zero(t, b.count("select count(*) from parked"))
				require.True(t, b.check(tt.projector).Equal, "a fold of the whole log finds it covered too")

				b.append(tt.genuine[len(tt.genuine)-1]) // as the job does that looks after it
				b.caughtUp(e)
				require.Zero(t, b.count(tt.covered))
				require.True(t, b.check(tt.projector).Equal)
			})
		}
	}
}

// An erasure of an account's texts stands under whatever is planted: over the texts that it erased, over its own key, and in its form over what
// others say.
func TestErasuresOfTextsStandUnderForeignRecords(t *testing.T) {
	t.Parallel()
	far := func(d domain.Draft) domain.Draft {
		d.Envelope.Time = d.Envelope.Time.AddDate(70, 0, 0)
		return d
	}
	for batches, most := range map[string]int{"in one batch": 5000, "in batches of one": 1} {
		t.Run(batches, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			others := said(1, "others")
			content := others.Data.(domain.PostContent)
			content.SocialAccount = 12
			others.Key, others.Data = content.Key(), content

			ours := b.erasureOf(somePost, 2)
			b.append(said(1, "ours"), ours, others)
			b.plant(far(said(3, "back")))
			b.plant(far(b.erasureOf(content.PostRef, 70*24*365)))
			over := far(ours)
			over.Data = domain.AccountErased{ParentAccount: somePost.ParentAccount, SocialAccount: somePost.SocialAccount, Platform: domain.Facebook, ErasedAt: day0}
			b.plant(over)
			e := b.engine(projectors.Contents{}).InBatchesOf(most)
			b.start(e)
			b.caughtUp(e)
			require.Equal(t, 1, b.count("select count(*) from erased_contents where social_account_id = $1 and covered", somePost.SocialAccount))
			require.Equal(t, 1, b.count("select count(*) from post_contents where content = 'others' and not covered"))
			require.Equal(t, 1, b.count("select count(*) from content_erasures where social_account_id = $1 and erased_at = $2",
				somePost.SocialAccount, ours.Data.(domain.AccountErased).ErasedAt))
			require.Equal(t, 1, b.count("select count(*) from content_erasures"))
			require.True(t, b.check(projectors.Contents{}).Equal)

			b.append(said(1, "late")) // and is not shown
			b.caughtUp(e)
			require.Equal(t, 1, b.count("select count(*) from post_contents"))
			require.Zero(t, b.count("select count(*) from parked"))
			require.True(t, b.check(projectors.Contents{}).Equal)
		})
	}
}

// What is parked stays parked when a foreign record of its key comes: it is no later record of ours.
func TestForeignRecordsOvertakeNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	spoilt := b.put(withValue(b.encode(category(1, "parked")), `{`))
	b.plant(category(1, "theirs"))
	e := b.engine(projectors.Directory{})
	b.start(e)
	b.caughtUp(e)
	require.Equal(t, []parkedEvent{at(spoilt, fold.ReasonUndecodable)}, b.parked("directory"))
	require.True(t, b.check(projectors.Directory{}).Equal)
}

// Runs are cut into transactions by what they hold of both kinds, in the order of the offsets.
func TestCoveredRecordsCountInBatches(t *testing.T) {
	t.Parallel()
	run := eventlog.Run{Partition: 3, Next: 12}
	for _, offset := range []int64{1, 4, 5} {
		run.Records = append(run.Records, eventlog.Record{Offset: offset})
	}
	for _, offset := range []int64{0, 2, 3, 9} {
		run.Covered = append(run.Covered, eventlog.Record{Offset: offset})
	}
	var got [][]int64
	var next []int64
	for _, runs := range projections.CutRuns([]eventlog.Run{run}, 3) {
		require.Len(t, runs, 1)
		var offsets []int64
		for _, r := range slices.Concat(runs[0].Records, runs[0].Covered) {
			offsets = append(offsets, r.Offset)
		}
		got, next = append(got, offsets), append(next, runs[0].Next)
	}
	require.Equal(t, [][]int64{{1, 0, 2}, {4, 5, 3}, {9}}, got)
	require.Equal(t, []int64{3, 6, 12}, next)
}

// A row of parked at a place where something foreign lies stays: to a process with another key every record is foreign, and a retry by it must
// not throw away what is parked.
func TestRetryKeepsWhatIsParkedOverForeignRecords(t *testing.T) {
	t.Parallel()
	b := setup(t)
	spoilt := b.put(withValue(b.encode(category(1, "parked")), `{`))
	e := b.engine(projectors.Directory{})
	stop := b.start(e)
	b.caughtUp(e)
	b.plant(category(1, "theirs"))
	b.caughtUp(e)
	stop()
	planted := spoilt
	planted.Offset++
	b.exec("update parked set log_offset = $1", planted.Offset)
	result, err := e.RetryParked(b.ctx(), projections.ParkedFilter{Projection: "directory"})
	require.NoError(t, err)
	require.Zero(t, result.Folded)
	require.Len(t, result.Parked, 1)
	require.Contains(t, result.Parked[0].Detail, "foreign")
	require.Equal(t, []parkedEvent{at(planted, fold.ReasonUndecodable)}, b.parked("directory"))
}

// Who may produce and has no key copies and plants what locked an agency out before. Its stream goes on, nothing is parked, and rebuilds agree.
func TestCopiesAndPlantedHeadsLockNobodyOut(t *testing.T) {
	t.Parallel()
	b := setup(t)
	dashboards := projectors.Dashboards{Partitions: partitions[domain.TopicDashboards]}
	e := b.engine(dashboards)
	b.start(e)
	a := b.chain(agencyA)
	home := b.partitionOf(domain.TopicDashboards, agencyA)
	bare := func(r eventlog.Record, partition int32) {
		result := b.raw.ProduceSync(b.ctx(), &kgo.Record{Topic: r.Topic, Partition: partition, Key: r.Key, Value: r.Value, Headers: r.Headers})
		require.NoError(t, result.FirstErr())
	}
	trace := []eventlog.Header{{Key: "ce_traceparent", Value: []byte("a")}, {Key: "ce_traceparent", Value: []byte("b")}, {Key: "traceparent"}}
	for n := range 3 {
		genuine := a.next(a.usersSet(client1, fmt.Sprint("u", n)))
		early := genuine
		early.Headers = slices.Concat(genuine.Headers, trace)
		bare(early, home) // a copy that is quicker: with headers that no tag and no hash covers it is the record itself
		b.put(genuine)
		bare(early, home)
		bare(genuine, (home+1)%dashboards.Partitions)

		forger := a.clone() // has no key
		forger.tagger = nil
		bare(forger.next(forger.usersSet(client1, "planted")), home)
		bare(forger.next(forger.usersSet(client1, "behind it")), home)
		b.caughtUp(e)
		require.Equal(t, []string{fmt.Sprint("u", n)}, b.users(agencyA, client1))
	}
	require.Empty(t, b.parked("dashboards"))
	require.Equal(t, 3, b.count("select version from dashboard_heads where parent_account = '"+agencyA+"'"))
	require.True(t, b.check(dashboards).Equal)
}
