package pg

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Durably is a transaction that outlives a crash of the server, also on a pool that commits asynchronously: what was answered to an
// operator, or was read, holds.
func Durably(ctx context.Context, pool interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}, f func(tx pgx.Tx) error,
) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `set local synchronous_commit = on`); err != nil {
			return fmt.Errorf("commit in sync: %w", err)
		}
		return f(tx)
	})
}

// PostTexts selects content, media_url and permalink (text, null: not known) of one post from its rows c of post_contents,
// for the answers and for the views in schema lb alike. The main application takes precedence over the listing, field by
// field. They are aggregates, so that a post without texts has a row too.
const PostTexts = `coalesce(max(c.content) filter (where c.origin = 'main_app'), max(c.content)) as content,
			       coalesce(max(c.media_url) filter (where c.origin = 'main_app'), max(c.media_url)) as media_url,
			       coalesce(max(c.permalink) filter (where c.origin = 'main_app'), max(c.permalink)) as permalink`
