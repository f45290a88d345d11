package projections_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// erasureOf is the erasure of what was said of the posts of a post's account up to some hours after day0, in the partition that the post is in.
func (b *bench) erasureOf(post domain.PostRef, hours int) domain.Draft {
	b.t.Helper()
	erased := textsErased(post, hours).Data.(domain.AccountErased)
	d := draft(domain.TopicContents, "", fmt.Sprint("erased ", post.SocialAccount, hours), erased)
	home := b.partitionOf(domain.TopicContents, post.ContentKey(domain.OriginListing))
	for n := 0; d.Key == "" || b.partitionOf(domain.TopicContents, d.Key) != home; n++ {
		d.Key = fmt.Sprint(erased.ContentsKey(), ":", n)
	}
	return d
}

const coveredErasures = "select count(*) from content_erasures where covered"

// A foreign record over the key of an erasure of an account's texts shows until the erasure comes again; one over an earlier erasure need not,
// nor one of a key that nobody used.
func TestForeignRecordsCoverErasuresOfTexts(t *testing.T) {
	t.Parallel()
	type step func(*bench)
	ours := func(hours int) step { return func(b *bench) { b.append(b.erasureOf(somePost, hours)) } }
	theirs := func(hours int) step { return func(b *bench) { b.plant(b.erasureOf(somePost, hours)) } }
	tombstone := func(b *bench) {
		d := b.erasureOf(somePost, 2)
		d.Data = nil
		b.plant(d)
	}
	never := func(b *bench) {
		d := b.erasureOf(somePost, 2)
		d.Key = domain.AccountErased{ParentAccount: somePost.ParentAccount, SocialAccount: somePost.SocialAccount, ErasedAt: time.Time{}}.ContentsKey() + ":0"
		b.plant(d)
	}
	inOtherWords := func(b *bench) { // of somebody with the key, who did not know the client
		d := b.erasureOf(somePost, 2)
		erased := d.Data.(domain.AccountErased)
		erased.Platform = domain.LinkedIn
		d.Data = erased
		b.append(d)
	}
	for name, tt := range map[string]struct {
		steps             []step
		erasures, covered int
	}{
		"another one":                   {[]step{ours(2), theirs(2)}, 1, 1},
		"a tombstone":                   {[]step{ours(2), tombstone}, 1, 1},
		"before ours":                   {[]step{theirs(2), ours(2)}, 1, 0},
		"and ours again":                {[]step{ours(2), theirs(2), ours(2)}, 1, 0},
		"and ours again, and theirs":    {[]step{ours(2), tombstone, ours(2), theirs(2)}, 1, 1},
		"over an earlier one":           {[]step{ours(1), ours(2), theirs(1)}, 1, 0},
		"and a later one of ours":       {[]step{ours(1), theirs(1), ours(2)}, 1, 0},
		"an earlier one of ours behind": {[]step{ours(2), theirs(2), ours(1)}, 1, 1},
		"of an erasure that nobody did": {[]step{theirs(2), never}, 0, 0},
		"of no instant":                 {[]step{ours(2), never}, 1, 0},
		"ours in other words":           {[]step{inOtherWords, ours(2)}, 1, 1},
		"ours in better words":          {[]step{ours(2), theirs(2), inOtherWords}, 1, 0},
	} {
		for batches, most := range map[string]int{"in one batch": 5000, "in batches of one": 1} {
			t.Run(name+", "+batches, func(t *testing.T) {
				t.Parallel()
				b := setup(t)
				for _, do := range tt.steps {
					do(b)
				}
				e := b.engine(projectors.Contents{}).InBatchesOf(most)
				b.start(e)
				b.caughtUp(e)
				require.Equal(t, tt.erasures, b.count("select count(*) from content_erasures"))
				require.Equal(t, tt.covered, b.count(coveredErasures))
				require.Zero(t, b.count("select count(*) from parked"))
			})
		}
	}
}

// A rebuild after compaction still knows an erasure over which a foreign record lay: late texts of before it are not shown.
func TestErasuresOfTextsOutliveForeignRecords(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := projectors.Contents{}
	e := b.engine(p)
	ours := b.erasureOf(somePost, 2)
	b.append(ours)
	over := ours
	over.Data = nil
	b.plant(over)
	b.start(e)
	b.caughtUp(e)
	rebuild := func() { b.ends(b.requestOf(p).ID, operator.RebuildDone) }
	rebuild()
	if b.count(coveredErasures) > 0 { // as the job does that looks after it
		b.append(ours)
	}
	for partition := range partitions[domain.TopicContents] { // the last batch of a partition is never removed
		b.append(eventlog.HeartbeatDraft(domain.TopicContents, partition, partitions[domain.TopicContents], day0))
	}
	b.caughtUp(e)
	b.cluster.Compact()
	rebuild()
	require.Zero(t, b.count(coveredErasures))
	b.append(said(1, "late"))
	b.caughtUp(e)
	require.Zero(t, b.count("select count(*) from post_contents"))
	require.True(t, b.check(p).Equal)
}
