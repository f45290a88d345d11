package vault

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

const (
	// deletionKept is how long a completed deletion request is kept.
	deletionKept = 90 * 24 * time.Hour
	// deletionClaimed is how long a claim on a request lasts.
	deletionClaimed = 5 * time.Minute
)

// StopGrant deletes the tokens of a grant and of its connections, unless the person has consented
// again since lastConsent. It reports whether it deleted them. The
// connections remain linked to the grant: a later consent renews it.
func (c Connecting) StopGrant(ctx context.Context, g domain.GrantKey, lastConsent time.Time) (stopped bool, err error) {
	return pg.QueryBool(ctx, c.Pool, "delete the tokens of a grant", `
		with stopped as (select platform, app, person, secret_ref from grants
		  where platform = $1 and app = $2 and person = $3 and consented_at = $4 for update),
		gone as (delete from secrets where ref in (select secret_ref from stopped union all
		  select h.secret_ref from granted_connections h join stopped using (platform, app, person)))
		select exists (select from stopped)`, int(g.Platform), g.App, g.Person, lastConsent)
}

// AskDeletion stores a person's deletion request, once.
func (c Connecting) AskDeletion(ctx context.Context, r domain.DeletionRequest) error {
	return pg.Exec(ctx, c.Pool, "store a deletion request", `
		insert into deletion_requests (code, platform, person, asked_at, done_at) values ($1, $2, $3, $4, $5) on conflict do nothing`,
		r.Code, int(r.Platform), r.Person, r.AskedAt, r.DoneAt)
}

const deletionColumns = `code, platform, person, asked_at, done_at`

// Deletion returns the requests with a code, for all apps.
func (c Connecting) Deletion(ctx context.Context, code string) ([]domain.DeletionRequest, error) {
	return pg.List(ctx, c.Pool, "look up a deletion request", pgx.RowToStructByName[domain.DeletionRequest],
		`select `+deletionColumns+` from deletion_requests where code = $1 order by platform`, code)
}

// ClaimDeletion claims one open, unclaimed request for five minutes; found is false if no request
// is open. If [Connecting.DeletionDone] does not follow, the request can be claimed again.
func (c Connecting) ClaimDeletion(ctx context.Context, now time.Time) (r domain.DeletionRequest, found bool, err error) {
	return pg.Find(ctx, c.Pool, "claim a deletion request", pgx.RowToStructByName[domain.DeletionRequest], `
		update deletion_requests set claimed_until = $2 where (code, platform) = (
		  select code, platform from deletion_requests where done_at is null and (claimed_until is null or claimed_until <= $1)
		  order by asked_at, code, platform limit 1 for update skip locked)
		returning `+deletionColumns, now, now.Add(deletionClaimed))
}

// DeletionDone marks a request as done and removes the person's ID from it. It also deletes the
// grants that the person gave before the request, and their tokens.
func (c Connecting) DeletionDone(ctx context.Context, r domain.DeletionRequest, now time.Time) error {
	err := pgx.BeginFunc(ctx, c.Pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			with gone as (delete from grants where platform = $1 and person = $2 and consented_at < $3 returning platform, app, person, secret_ref)
			delete from secrets where ref in (select secret_ref from gone union all
			  select h.secret_ref from granted_connections h join gone using (platform, app, person))`, int(r.Platform), r.Person, r.CoversUntil())
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `update deletion_requests set done_at = $3, person = '' where code = $1 and platform = $2`, r.Code, int(r.Platform), now)
		return err
	})
	return doing(err, "complete a deletion request")
}
