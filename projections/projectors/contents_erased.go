package projectors

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// An erasure of an account's texts has a record in each partition of the topic, and each partition takes its own alone: what it comes to
// does not hang on how far the others are.

// partErased is a row of content_erasures.
type partErased struct {
	erasedAccount

	partition int32
	covered   bool
}

// partAccount is an account in a partition.
type partAccount struct {
	accountSeries

	partition int32
}

// covering tells whether another record lies over that of the erasure that counts: as it is stored, and by now.
type covering struct{ stored, now bool }

var contentErasures = write.NewTable("content_erasures",
	`social_account_id bigint, parent_account text, log_partition integer, account_id text, p_id smallint, erased_at timestamptz, covered boolean`,
	write.ReplaceRow("social_account_id, parent_account, log_partition", ""),
	func(r partErased) []any {
		return []any{r.accountSeries.account, r.parent, r.partition, r.erasure.account, int16(r.platform), r.at, r.covered}
	})

// erase folds an erasure.
func (f *contentFold) erase(ev fold.Event, erased domain.AccountErased) error {
	if !strings.HasPrefix(ev.Key, erased.ContentsKey()+":") {
		return &fold.ParkError{Reason: fold.ReasonRefused, Detail: fmt.Sprintf("the erasure is of texts under %s, and its key is %q", erased.ContentsKey(), ev.Key)}
	}
	known, of := f.erasuresOf(ev.Raw.Partition), accountSeries{erased.SocialAccount, erased.ParentAccount}
	at := instant(erased.ErasedAt)
	later := at.After(known.until(of))
	known.applied.note(erased)
	if latest := known.latest(of); at.Equal(latest.at) { // one key: the one that counts may come again, over one that did not
		f.lies(of, ev.Raw.Partition, erased.AccountID != latest.account || erased.Platform != latest.platform)
	}
	if !later {
		return nil
	}
	f.raised = append(f.raised, partErased{erasedAccount: erasedAccount{of, known.applied[of]}, partition: ev.Raw.Partition})
	for key, s := range f.said {
		if key.SocialAccount == erased.SocialAccount && key.ParentAccount == erased.ParentAccount && s.partition == ev.Raw.Partition {
			f.overrule(key, s)
		}
	}
	return nil
}

// lies notes whether another record lies over the erasure that counts of an account.
func (f *contentFold) lies(of accountSeries, partition int32, over bool) {
	key := partAccount{of, partition}
	f.over[key] = covering{f.over[key].stored, over}
}

func (f *contentFold) erasuresOf(partition int32) erasures {
	if _, known := f.erased[partition]; !known {
		f.erased[partition] = newErasures()
	}
	return f.erased[partition]
}

// overrule lets an erasure stand instead of what was said before its instant; what is said at the instant counts. The record is covered: a
// tombstone must follow it, or the log would not forget it.
func (f *contentFold) overrule(key contentKey, s *said) {
	until := f.erasuresOf(s.partition).until(accountSeries{key.SocialAccount, key.ParentAccount})
	if !s.erased && s.at.Before(until) {
		*s = said{at: until.Add(-time.Microsecond), erased: true, covered: true, changed: true, partition: s.partition}
	}
}

// queueErasures queues what reads the erasures of the batch's accounts, each of its partition.
func (f *contentFold) queueErasures(batch *pgx.Batch, events []fold.Event) {
	var accounts []int64
	var partitions []int32
	for _, ev := range events {
		switch data := ev.Data.(type) {
		case domain.AccountErased:
			accounts = append(accounts, data.SocialAccount)
		case domain.PostContent:
			accounts = append(accounts, data.SocialAccount)
		default:
			continue
		}
		partitions = append(partitions, ev.Raw.Partition)
	}
	if len(accounts) == 0 {
		return
	}
	batch.Queue(`
		select log_partition, social_account_id, parent_account, account_id, p_id, erased_at, covered from content_erasures
		where (social_account_id, log_partition) in (select * from unnest($1::bigint[], $2::integer[]))`, accounts, partitions).
		Query(func(rows pgx.Rows) error {
			var partition int32
			var stored domain.AccountErased
			var covered bool
			into := []any{&partition, &stored.SocialAccount, &stored.ParentAccount, &stored.AccountID, &stored.Platform, &stored.ErasedAt, &covered}
			_, err := pgx.ForEachRow(rows, into, func() error {
				f.erasuresOf(partition).stored.note(stored)
				f.over[partAccount{accountSeries{stored.SocialAccount, stored.ParentAccount}, partition}] = covering{covered, covered}
				return nil
			})
			if err != nil {
				return fmt.Errorf("read erasures of texts: %w", err)
			}
			return nil
		})
}

// erasedAccounts are the erasures that are new, and those over which another record lies since, or no more, for their table.
func (f *contentFold) erasedAccounts() (rows []partErased) {
	changed := map[int32]erasedUntil{}
	for partition, erased := range f.erased {
		changed[partition] = erased.later(erased.applied)
	}
	for of, over := range f.over {
		if over.now != over.stored {
			changed[of.partition][of.accountSeries] = f.erased[of.partition].latest(of.accountSeries)
		}
	}
	for _, partition := range slices.Sorted(maps.Keys(changed)) {
		for _, account := range changed[partition].rows() {
			rows = append(rows, partErased{account, partition, f.over[partAccount{account.accountSeries, partition}].now})
		}
	}
	return rows
}

// queueErased takes what the batch erases out of the stored rows. It comes before anything is written. Of several erasures of an account
// the first that reaches a row takes it, as when each comes in a batch of its own.
func (f *contentFold) queueErased(batch *pgx.Batch) {
	for _, r := range f.raised {
		batch.Queue(`
			with gone as (
				delete from post_contents
				where social_account_id = $1 and parent_account = $2 and log_partition = $4 and told_at < $3
				returning `+contentKeyColumns+`
			)
			insert into erased_contents (`+contentKeyColumns+`, erased_at, covered)
			select `+contentKeyColumns+`, $3::timestamptz - interval '1 microsecond', true from gone`,
			r.accountSeries.account, r.parent, r.at, r.partition)
	}
	contentErasures.Queue(batch, f.erasedAccounts())
}
