package vault

import (
	"context"
	"time"
)

// wordsKept is how long a platform's words are kept: they name people, and who looks into a failure does so within weeks.
const wordsKept = 30 * 24 * time.Hour

// withWords ends a statement with what platforms said about the reads in results, in place of what they said before. Reads
// without words leave what is stored: it goes by its time. Those of the past of an account are a kind of their own.
const withWords = `
	insert into platform_words as w (social_account_id, kind, said_at, class, words)
	select id, kind, at, class, words from results where words <> '' order by id
	on conflict (social_account_id, kind) do update
	set said_at = excluded.said_at, class = excluded.class, words = excluded.words where excluded.said_at >= w.said_at`

// ForgetWords deletes the platforms' words that are 30 days old, and tells how many there were.
func (e Eraser) ForgetWords(ctx context.Context, now time.Time) (int, error) {
	tag, err := e.secrets.pool.Exec(ctx, `delete from platform_words where said_at <= $1`, now.Add(-wordsKept))
	return int(tag.RowsAffected()), doing(err, "forget what platforms said")
}
