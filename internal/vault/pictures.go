package vault

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

const (
	pictureTries = 3                    // attempts per picture
	pictureRetry = 6 * time.Hour        // delay until the next attempt, even if the downloading process has stopped
	pictureKept  = 400 * 24 * time.Hour // retention of pictures and of records of failed attempts
)

// ErrNoPicture (not_found): no picture of the post is stored, or no key of this process opens it.
var ErrNoPicture = domain.NewError(domain.CodeNotFound, "This post has no picture. Show a placeholder instead.")

// Pictures stores small copies of posts' pictures, sealed, separately for each agency.
type Pictures struct {
	pool *pgxpool.Pool
	keys Keyring
}

// NewPictures returns a store that uses a pool opened with [Open] or [OpenFetching].
func NewPictures(pool *pgxpool.Pool, keys Keyring) *Pictures { return &Pictures{pool, keys} }

// KeyIDs returns the IDs of the keys that open pictures: a picture with another key counts as
// missing.
func (p *Pictures) KeyIDs() []string { return p.keys.Current().ids() }

// Begin records that a picture is about to be downloaded. It returns false if the picture exists,
// another process is downloading it, or all attempts failed.
func (p *Pictures) Begin(ctx context.Context, post domain.PostRef, now time.Time) (begun bool, err error) {
	tag, err := p.pool.Exec(ctx, `
		insert into pictures as k (parent_account, social_account_id, external_id, tries, tried_at, next_at)
		values (@agency, @account, @post, 1, @now, @again)
		on conflict (parent_account, social_account_id, external_id) do update
		set tries = k.tries + 1, tried_at = @now, next_at = case when k.tries + 1 < @most then @again else 'infinity' end
		where (k.sealed is null or k.key_id <> all(@keys)) and k.next_at <= @now`,
		pgx.NamedArgs{
			"agency": post.ParentAccount, "account": post.SocialAccount, "post": post.ExternalID,
			"now": now, "again": now.Add(pictureRetry), "most": pictureTries, "keys": p.keys.Current().ids(),
		})
	return tag.RowsAffected() > 0, pg.Wrap("begin a picture", err)
}

// Keep stores the downloaded picture of a post. If the post was erased in the meantime, its record
// is gone and nothing is stored.
func (p *Pictures) Keep(ctx context.Context, post domain.PostRef, picture []byte) error {
	key := p.keys.Current()[0]
	return pg.Exec(ctx, p.pool, "store picture", `
		update pictures set key_id = $4, sealed = $5 where parent_account = $1 and social_account_id = $2 and external_id = $3`,
		post.ParentAccount, post.SocialAccount, post.ExternalID,
		key.id, key.seal(pictureRef(post), picture))
}

// GiveUp records that a picture cannot be downloaded, which prevents further attempts.
func (p *Pictures) GiveUp(ctx context.Context, post domain.PostRef) error {
	return pg.Exec(ctx, p.pool, "give up on a picture", `
		update pictures set next_at = 'infinity' where parent_account = $1 and social_account_id = $2 and external_id = $3`,
		post.ParentAccount, post.SocialAccount, post.ExternalID)
}

// Picture returns the picture of a post. Error: [ErrNoPicture].
func (p *Pictures) Picture(ctx context.Context, post domain.PostRef) ([]byte, error) {
	row := sealedRow{Ref: pictureRef(post)}
	err := p.pool.QueryRow(ctx, `
		select key_id, sealed from pictures where parent_account = $1 and social_account_id = $2 and external_id = $3 and sealed is not null`,
		post.ParentAccount, post.SocialAccount, post.ExternalID).Scan(&row.KeyID, &row.Sealed)
	if err != nil {
		return nil, pg.Wrap("read picture", orNone(err, ErrNoPicture))
	}
	picture, err := p.keys.Current().Open(row.Ref, row.KeyID, row.Sealed)
	if err != nil { // the key is missing or the row was changed
		return nil, ErrNoPicture
	}
	return picture, nil
}

// Forget deletes the pictures of erased posts.
func (p *Pictures) Forget(ctx context.Context, posts []domain.PostRef) error {
	return pg.Exec(ctx, p.pool, fmt.Sprintf("delete %d pictures", len(posts)), `
		delete from pictures k
		using jsonb_to_recordset($1) as gone (parent_account text, social_account_id bigint, external_id text)
		where (k.parent_account, k.social_account_id, k.external_id)
		  = (gone.parent_account, gone.social_account_id, gone.external_id)`, notNil(posts))
}

// ForgetOld deletes pictures whose last download attempt was more than 400 days ago.
func (p *Pictures) ForgetOld(ctx context.Context, now time.Time) error {
	return pg.Exec(ctx, p.pool, "delete old pictures",
		`delete from pictures where tried_at < $1`, now.Add(-pictureKept))
}

// pictureRef returns the ref that a picture is sealed for: the picture does not open for another
// post or another agency.
func pictureRef(post domain.PostRef) string {
	return fmt.Sprintf("picture/%s/%d/%s", post.ParentAccount, post.SocialAccount, post.ExternalID)
}
