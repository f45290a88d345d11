package vault

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

// forgottenAfter is how long a note is kept that nobody touches: its post, or account, is gone from our side
// too. Without a note a post is asked for once more.
const forgottenAfter = 400 * 24 * time.Hour

// PostNotes returns the notes of an account's posts.
func (f *Fetching) PostNotes(ctx context.Context, socialAccount int64) ([]domain.PostNote, error) {
	rows, _ := f.pool.Query(ctx, `select external_id, class, since, tried_at from post_notes where social_account_id = $1`, socialAccount)
	notes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[domain.PostNote])
	return notes, doing(err, "read notes of posts of social account %d", socialAccount)
}

// KeepPostNotes stores notes of an account's posts and drops those of posts that were read.
func (f *Fetching) KeepPostNotes(ctx context.Context, socialAccount int64, notes []domain.PostNote, read []string, now time.Time) error {
	n := len(notes)
	ids, classes, since, tried := make([]string, n), make([]string, n), make([]time.Time, n), make([]time.Time, n)
	for i, note := range notes {
		ids[i], classes[i], since[i], tried[i] = note.ExternalID, note.Class, note.Since, note.TriedAt
	}
	err := pgx.BeginFunc(ctx, f.pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `delete from post_notes where social_account_id = $1 and external_id = any($2) or tried_at < $3`,
			socialAccount, read, now.Add(-forgottenAfter))
		if err != nil || n == 0 {
			return err
		}
		_, err = tx.Exec(ctx, `
			insert into post_notes (social_account_id, external_id, class, since, tried_at)
			select $1, n.* from unnest($2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[]) as n order by 2
			on conflict (social_account_id, external_id) do update
			set class = excluded.class, since = excluded.since, tried_at = excluded.tried_at`, socialAccount, ids, classes, since, tried)
		return err
	})
	return doing(err, "store notes of %d posts of social account %d", n+len(read), socialAccount)
}
