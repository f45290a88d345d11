package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// KeepGrant stores a grant, replacing an earlier one, with its connection in an agency. The stored
// consent time is always later than that of the earlier consent, even if clocks differ:
// [Connecting.DetachConnection] relies on this.
func (c Connecting) KeepGrant(ctx context.Context, g domain.Grant, connection int64) error {
	return pg.Exec(ctx, c.Pool, "store a grant", `
		with kept as (
			insert into grants (platform, app, person, secret_ref, granted, declined, consented_at, data_access_until)
			values ($1, $2, $3, $4, $5, $6, $7, $8)
			on conflict (platform, app, person) do update set granted = excluded.granted, declined = excluded.declined,
			  consented_at = greatest(excluded.consented_at, grants.consented_at + interval '1 microsecond'),
			  data_access_until = excluded.data_access_until
			returning platform, app, person, consented_at)
		insert into granted_connections (connection_id, platform, app, person, consented_at)
		select $9, platform, app, person, consented_at from kept
		on conflict (connection_id) do update set consented_at = excluded.consented_at`,
		int(g.Platform), g.App, g.Person, g.SecretRef(),
		notNil(g.Granted), notNil(g.Declined), g.ConsentedAt, g.DataAccessUntil, connection)
}

// notNil returns a list that is never SQL null.
func notNil[T any](list []T) []T { return append([]T{}, list...) }

// ConnectionsOf returns the connections of a grant, one for each agency, by ID.
func (c Connecting) ConnectionsOf(ctx context.Context, g domain.GrantKey) ([]int64, error) {
	return pg.List(ctx, c.Pool, "read the connections of a grant", pgx.RowTo[int64], `
		select connection_id from granted_connections
		where platform = $1 and app = $2 and person = $3 order by connection_id`, int(g.Platform), g.App, g.Person)
}

// ConsentOf returns the time of the consent with which pages of a connection were last chosen; zero if
// the connection has no grant.
func (c Connecting) ConsentOf(ctx context.Context, connection int64) (at time.Time, err error) {
	row := c.Pool.QueryRow(ctx, `select consented_at from granted_connections where connection_id = $1`, connection)
	_, err = pg.ScanOptional(row, fmt.Sprintf("read the consent of connection %d", connection), &at)
	return at, err
}

// DetachConnection removes a connection from its grant, unless there was a consent since lastConsent
// ([Connecting.ConsentOf]). left is the number of connections of other agencies that the grant still
// has; known is false if nothing was removed.
func (c Connecting) DetachConnection(
	ctx context.Context, connection int64, lastConsent time.Time,
) (g domain.GrantKey, left int, known bool, err error) {
	err = pgx.BeginFunc(ctx, c.Pool, func(tx pgx.Tx) error {
		// Lock the grant first, as in [Eraser.release].
		row := tx.QueryRow(ctx, `
			select g.platform, g.app, g.person from grants g join granted_connections c using (platform, app, person)
			where c.connection_id = $1 and c.consented_at = $2 for update of g`, connection, lastConsent)
		if err := row.Scan(&g.Platform, &g.App, &g.Person); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `delete from granted_connections where connection_id = $1`, connection); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `select count(*) from granted_connections where platform = $1 and app = $2 and person = $3`,
			int(g.Platform), g.App, g.Person).Scan(&left)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return g, 0, false, nil
	}
	return g, left, err == nil, pg.Wrap(fmt.Sprintf("remove connection %d from its grant", connection), err)
}

// DropGrant deletes a grant without connections, and the grant's token, and reports whether it did.
// It keeps a grant that a sign-in with a pending choice would renew, because revoking the grant
// would invalidate the tokens of that sign-in. A choice of a revoked link is not pending.
func (c Connecting) DropGrant(ctx context.Context, g domain.GrantKey, now time.Time) (dropped bool, err error) {
	err = pgx.BeginFunc(ctx, c.Pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `delete from grants g where platform = $1 and app = $2 and person = $3 and not exists (
			select from granted_connections c where (c.platform, c.app, c.person) = (g.platform, g.app, g.person)) and not exists (
			select from connect_attempts a where a.grant_ref = g.secret_ref and a.step = 'choosing' and a.expires_at > $4
				and not exists (select from connect_links l where l.id = a.link_id and l.revoked_at is not null))`,
			int(g.Platform), g.App, g.Person, now)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		dropped = true
		_, err = tx.Exec(ctx, `delete from secrets where ref = $1`, g.SecretRef())
		return err
	})
	return dropped, pg.Wrap("delete a grant", err)
}

// GrantOf returns a stored grant; known is false if it does not exist.
func (c Connecting) GrantOf(ctx context.Context, key domain.GrantKey) (g domain.Grant, known bool, err error) {
	g.GrantKey = key
	row := c.Pool.QueryRow(ctx, `
		select granted, declined, consented_at, data_access_until from grants where platform = $1 and app = $2 and person = $3`,
		int(key.Platform), key.App, key.Person)
	known, err = pg.ScanOptional(row, "look up a grant", &g.Granted, &g.Declined, &g.ConsentedAt, &g.DataAccessUntil)
	return g, known, err
}
