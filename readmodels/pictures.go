package readmodels

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// Contents reads which pictures of posts to fetch and to delete.
type Contents struct{ Pool *pgxpool.Pool }

// PicturesQuery asks for posts whose pictures are wanted.
type PicturesQuery struct {
	Since     time.Time         // the earliest publication
	Now       time.Time         // what was tried is wanted again at its time
	Platforms []domain.Platform // of which they are
	Keys      []string          // ids of the keys that open pictures: one under another key is wanted again
	Limit     int
}

// PictureWanted is a post with the address of its picture, of which no copy is kept.
type PictureWanted struct {
	domain.PostRef

	Platform domain.Platform
	MediaURL string
}

// PicturesWanted returns the newest posts whose pictures are not kept and may be tried now. What the listing says of a picture stands first:
// its address is the platform's.
func (c Contents) PicturesWanted(ctx context.Context, q PicturesQuery) ([]PictureWanted, error) {
	return pg.List(ctx, c.Pool, "look for pictures that are wanted", pgx.RowToStructByPos[PictureWanted], `
		select p.parent_account, p.social_account_id, p.external_id, min(p.p_id),
		       coalesce(max(c.media_url) filter (where c.origin = '`+string(domain.OriginListing)+`'), max(c.media_url))
		from tSPosts p
		join post_contents c on c.parent_account = p.parent_account and c.social_account_id = p.social_account_id and c.external_id = p.external_id
		where p.published_at >= $1 and p.p_id = any($2) and c.media_url <> '' and not exists (
			select from kept.pictures k
			where k.parent_account = p.parent_account and k.social_account_id = p.social_account_id and k.external_id = p.external_id
			  and (k.key_id = any($3) or k.next_at > $4))
		group by p.parent_account, p.social_account_id, p.external_id
		order by max(p.published_at) desc, p.social_account_id, p.external_id limit $5`,
		q.Since, PlatformIDs(q.Platforms), q.Keys, q.Now, q.Limit)
}

// maxErasedPictures is how many pictures are deleted at a time.
const maxErasedPictures = 1000

// ErasedPictures returns posts whose picture is kept and whose media address is not known any more, at most 1,000: it was
// erased.
func (c Contents) ErasedPictures(ctx context.Context) ([]domain.PostRef, error) {
	return pg.List(ctx, c.Pool, "look for pictures of erased posts", pgx.RowToStructByPos[domain.PostRef], `
		select k.parent_account, k.social_account_id, k.external_id
		from kept.pictures k
		where not exists (
			select from post_contents c
			where c.parent_account = k.parent_account and c.social_account_id = k.social_account_id and c.external_id = k.external_id
			  and c.media_url <> '')
		limit $1`, maxErasedPictures)
}
