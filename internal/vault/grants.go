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

// KeepGrant stores a grant, replacing an earlier one, and links connections to it, even if they
// were linked to another grant. The stored consent time is always later than that of the earlier
// consent, even if clocks differ: [Connecting.DetachConnection] relies on this.
func (c Connecting) KeepGrant(ctx context.Context, g domain.Grant, connections []domain.GrantedConnection) error {
	err := pgx.BeginFunc(ctx, c.Pool, func(tx pgx.Tx) error {
		var consented time.Time
		row := tx.QueryRow(ctx, `
			insert into grants (platform, app, person, secret_ref, granted, declined, consented_at, data_access_until)
			values ($1, $2, $3, $4, $5, $6, $7, $8)
			on conflict (platform, app, person) do update set granted = excluded.granted, declined = excluded.declined,
			  consented_at = greatest(excluded.consented_at, grants.consented_at + interval '1 microsecond'),
			  data_access_until = excluded.data_access_until
			returning consented_at`,
			int(g.Platform), g.App, g.Person, g.SecretRef(),
			notNil(g.Granted), notNil(g.Declined), g.ConsentedAt, g.DataAccessUntil)
		if err := row.Scan(&consented); err != nil {
			return err
		}
		for _, conn := range connections {
			_, err := tx.Exec(ctx, `
				insert into granted_connections (connection_id, parent_account, reads, token_of, secret_ref, platform, app, person, hung_at)
				values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
				on conflict (connection_id) do update set secret_ref = excluded.secret_ref,
				  platform = excluded.platform, app = excluded.app, person = excluded.person, hung_at = excluded.hung_at`,
				conn.ConnectionID, conn.ParentAccount, int(conn.Platform), conn.TokenOf, conn.SecretRef,
				int(g.Platform), g.App, g.Person, consented)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return pg.Wrap("store a grant", err)
}

// notNil returns a list that is never SQL null.
func notNil[T any](list []T) []T { return append([]T{}, list...) }

// ConnectionsOf returns the connections of all agencies that are linked to a grant, by ID.
func (c Connecting) ConnectionsOf(ctx context.Context, g domain.GrantKey) ([]domain.GrantedConnection, error) {
	return pg.List(ctx, c.Pool, "read the connections of a grant", pgx.RowToStructByName[domain.GrantedConnection], `
		select connection_id, parent_account, reads as platform, token_of, secret_ref from granted_connections
		where platform = $1 and app = $2 and person = $3 order by connection_id`, int(g.Platform), g.App, g.Person)
}

// ConsentOf returns the time of the consent that last linked a connection to its grant; zero if the
// connection has no grant.
func (c Connecting) ConsentOf(ctx context.Context, connection int64) (at time.Time, err error) {
	row := c.Pool.QueryRow(ctx, `select hung_at from granted_connections where connection_id = $1`, connection)
	_, err = pg.ScanOptional(row, fmt.Sprintf("read the consent of connection %d", connection), &at)
	return at, err
}

// DetachConnection removes a connection from its grant and deletes the connection's separate token
// (that of a Facebook page), if there is one. It does nothing if a consent has linked the
// connection again since lastConsent ([Connecting.ConsentOf]). left is the number of connections,
// of all agencies, that remain linked to the grant; known is false if nothing was removed.
func (c Connecting) DetachConnection(
	ctx context.Context, connection int64, lastConsent time.Time,
) (g domain.GrantKey, left int, known bool, err error) {
	err = pgx.BeginFunc(ctx, c.Pool, func(tx pgx.Tx) error {
		// Lock the grant first, as in [Eraser.release].
		row := tx.QueryRow(ctx, `
			select g.platform, g.app, g.person from grants g join granted_connections c using (platform, app, person)
			where c.connection_id = $1 and c.hung_at = $2 for update`, connection, lastConsent)
		if err := row.Scan(&g.Platform, &g.App, &g.Person); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			with off as (delete from granted_connections where connection_id = $1 returning secret_ref)
			delete from secrets where ref in (select secret_ref from off) and ref <> $2`, connection, g.SecretRef())
		if err != nil {
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
