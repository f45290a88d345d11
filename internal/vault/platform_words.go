package vault

import (
	"context"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// wordsKept is how long a platform's words are kept: they name people, and who looks into a failure does so within weeks.
const wordsKept = 30 * 24 * time.Hour

// wordsOfHistory is the kind of words about reading the past of an account.
const wordsOfHistory = "history"

// keepWords stores what a platform said of social accounts, in place of what it said before. Results without words leave
// what is stored: it goes by its time.
func (f *Fetching) keepWords(ctx context.Context, kind string, results []domain.FetchResult) error {
	var ids []int64
	var at []time.Time
	var classes, words []string
	for _, r := range results {
		if r.Words != "" {
			ids, at, classes, words = append(ids, r.SocialAccount), append(at, r.At), append(classes, r.Class), append(words, r.Words)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	_, err := f.pool.Exec(ctx, `
		insert into platform_words as w (social_account_id, kind, said_at, class, words)
		select r.id, $1, r.at, r.class, r.words
		from unnest($2::bigint[], $3::timestamptz[], $4::text[], $5::text[]) as r (id, at, class, words) order by r.id
		on conflict (social_account_id, kind) do update
		set said_at = excluded.said_at, class = excluded.class, words = excluded.words where excluded.said_at >= w.said_at`,
		kind, ids, at, classes, words)
	return doing(err, "keep what a platform said of %d accounts", len(ids))
}

// ForgetWords deletes the platforms' words that are 30 days old, and tells how many there were.
func (e Eraser) ForgetWords(ctx context.Context, now time.Time) (int, error) {
	tag, err := e.secrets.pool.Exec(ctx, `delete from platform_words where said_at <= $1`, now.Add(-wordsKept))
	return int(tag.RowsAffected()), doing(err, "forget what platforms said")
}
