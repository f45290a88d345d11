package vault

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

const (
	// deletionKept is how long it is known that what somebody asked for is done.
	deletionKept = 90 * 24 * time.Hour
	// deletionClaimed is how long a process is left alone with a request.
	deletionClaimed = 5 * time.Minute
)

// StopGrant deletes the tokens of a grant and of all that hangs on it, unless there was a consent since the one that the caller has seen. What
// hangs on it goes on doing so: a later consent renews it.
func (c *Connecting) StopGrant(ctx context.Context, g domain.GrantKey, seen time.Time) error {
	_, err := c.pool.Exec(ctx, `
		with stopped as (select platform, app, person, secret_ref from grants
		  where platform = $1 and app = $2 and person = $3 and consented_at = $4 for update)
		delete from secrets where ref in (select secret_ref from stopped union all
		  select h.secret_ref from granted_connections h join stopped using (platform, app, person))`, int(g.Platform), g.App, g.Person, seen)
	return doing(err, "delete the tokens of a grant")
}

// AskDeletion stores what a person asked for, once.
func (c *Connecting) AskDeletion(ctx context.Context, r domain.DeletionRequest) error {
	_, err := c.pool.Exec(ctx, `insert into deletion_requests (code, platform, person, asked_at, done_at) values ($1, $2, $3, $4, $5) on conflict do nothing`,
		r.Code, int(r.Platform), r.Person, r.AskedAt, r.DoneAt)
	return doing(err, "store a request for deletion")
}

const deletionColumns = `code, platform, person, asked_at, done_at`

func scanDeletion(row pgx.CollectableRow) (r domain.DeletionRequest, err error) {
	err = row.Scan(&r.Code, &r.Platform, &r.Person, &r.AskedAt, &r.DoneAt)
	return r, err
}

// Deletion returns what is known under a code, of all apps that were asked.
func (c *Connecting) Deletion(ctx context.Context, code string) ([]domain.DeletionRequest, error) {
	rows, _ := c.pool.Query(ctx, `select `+deletionColumns+` from deletion_requests where code = $1 order by platform`, code)
	found, err := pgx.CollectRows(rows, scanDeletion)
	return found, doing(err, "look up a request for deletion")
}

// ClaimDeletions hands over what is not done and nobody is at, for five minutes. Who does not end one with [Connecting.DeletionDone] leaves it
// to whoever claims it next.
func (c *Connecting) ClaimDeletions(ctx context.Context, now time.Time) ([]domain.DeletionRequest, error) {
	rows, _ := c.pool.Query(ctx, `update deletion_requests set claimed_until = $2 where done_at is null and (claimed_until is null or claimed_until <= $1)
		returning `+deletionColumns, now, now.Add(deletionClaimed))
	claimed, err := pgx.CollectRows(rows, scanDeletion)
	return claimed, doing(err, "claim requests for deletion")
}

// DeletionDone notes that nothing is left of what a request is about, and forgets whose it was.
func (c *Connecting) DeletionDone(ctx context.Context, r domain.DeletionRequest, now time.Time) error {
	_, err := c.pool.Exec(ctx, `update deletion_requests set done_at = $3, person = '' where code = $1 and platform = $2`, r.Code, int(r.Platform), now)
	return doing(err, "note that a request for deletion is done")
}
