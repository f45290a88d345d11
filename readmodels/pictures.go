package readmodels

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// Contents finds pictures of posts to fetch and to delete.
type Contents struct{ Pool *pgxpool.Pool }

// PicturesQuery selects posts with pictures to fetch.
type PicturesQuery struct {
	Since time.Time // earliest publication time
	// current time; a picture that was requested before is due again at its next_at
	Now       time.Time
	Platforms []domain.Platform // platforms of the posts
	// ids of the keys that can decrypt pictures; a picture under another key is fetched again
	Keys  []string
	Limit int
}

// PictureWanted is a post whose picture is not stored yet, with the URL of the picture.
type PictureWanted struct {
	domain.PostRef

	Platform domain.Platform
	MediaURL string
}

// PicturesWanted returns the newest posts with pictures that are not stored and may be requested
// now. The picture URL from the listing takes precedence, because it is the platform's URL.
func (c Contents) PicturesWanted(ctx context.Context, q PicturesQuery) ([]PictureWanted, error) {
	return pg.List(ctx, c.Pool, "find pictures to fetch", pgx.RowToStructByPos[PictureWanted], `
		select p.parent_account, p.social_account_id, p.external_id, min(p.p_id),
		       coalesce(max(c.media_url) filter (where c.origin = '`+string(domain.OriginListing)+`'), max(c.media_url))
		from tSPosts p
		join post_contents c on c.parent_account = p.parent_account and c.social_account_id = p.social_account_id
			and c.external_id = p.external_id
		where p.published_at >= $1 and p.p_id = any($2) and c.media_url <> '' and not exists (
			select from kept.pictures k
			where k.parent_account = p.parent_account and k.social_account_id = p.social_account_id
			  and k.external_id = p.external_id
			  and (k.key_id = any($3) or k.next_at > $4))
		group by p.parent_account, p.social_account_id, p.external_id
		order by max(p.published_at) desc, p.social_account_id, p.external_id limit $5`,
		q.Since, PlatformIDs(q.Platforms), q.Keys, q.Now, q.Limit)
}

// maxErasedPictures is the maximum number of pictures deleted at once.
const maxErasedPictures = 1000

// ErasedPictures returns at most 1,000 posts that have a stored picture but no media URL, because
// the URL was erased.
func (c Contents) ErasedPictures(ctx context.Context) ([]domain.PostRef, error) {
	return pg.List(ctx, c.Pool, "find pictures of erased posts", pgx.RowToStructByPos[domain.PostRef], `
		select k.parent_account, k.social_account_id, k.external_id
		from kept.pictures k
		where not exists (
			select from post_contents c
			where c.parent_account = k.parent_account and c.social_account_id = k.social_account_id
			  and c.external_id = k.external_id
			  and c.media_url <> '')
		limit $1`, maxErasedPictures)
}
