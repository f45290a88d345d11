package vault

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// KeepGrant stores what a person gave, in the place of what they gave before, and hangs connections on it that may have hung on another: as of
// now, which is later than the consent before, whatever the clocks say: [Connecting.Unhang].
func (c Connecting) KeepGrant(ctx context.Context, g domain.Grant, hang []domain.GrantedConnection) error {
	err := pgx.BeginFunc(ctx, c.Pool, func(tx pgx.Tx) error {
		var consented time.Time
		row := tx.QueryRow(ctx, `
			insert into grants (platform, app, person, secret_ref, granted, declined, consented_at, data_access_until) values ($1, $2, $3, $4, $5, $6, $7, $8)
			on conflict (platform, app, person) do update set granted = excluded.granted, declined = excluded.declined,
			  consented_at = greatest(excluded.consented_at, grants.consented_at + interval '1 microsecond'), data_access_until = excluded.data_access_until
			returning consented_at`,
			int(g.Platform), g.App, g.Person, g.SecretRef(), some(g.Granted), some(g.Declined), g.ConsentedAt, g.DataAccessUntil)
		if err := row.Scan(&consented); err != nil {
			return err
		}
		for _, h := range hang {
			_, err := tx.Exec(ctx, `
				insert into granted_connections (connection_id, parent_account, reads, token_of, secret_ref, platform, app, person, hung_at)
				values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
				on conflict (connection_id) do update set
				  secret_ref = excluded.secret_ref, platform = excluded.platform, app = excluded.app, person = excluded.person, hung_at = excluded.hung_at`,
				h.ConnectionID, h.ParentAccount, int(h.Platform), h.TokenOf, h.SecretRef, int(g.Platform), g.App, g.Person, consented)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return doing(err, "keep a grant")
}

// some is a list that is no SQL null.
func some(list []string) []string { return append([]string{}, list...) }

// HangingOn returns the connections of all agencies that hang on a grant, by id.
func (c Connecting) HangingOn(ctx context.Context, g domain.GrantKey) ([]domain.GrantedConnection, error) {
	return pg.List(ctx, c.Pool, "read what hangs on a grant", pgx.RowToStructByName[domain.GrantedConnection], `
		select connection_id, parent_account, reads as platform, token_of, secret_ref from granted_connections
		where platform = $1 and app = $2 and person = $3 order by connection_id`, int(g.Platform), g.App, g.Person)
}

// ConsentOf is when a person's consent hung a connection on its grant last; zero: it hangs on nothing.
func (c Connecting) ConsentOf(ctx context.Context, connection int64) (at time.Time, err error) {
	err = c.Pool.QueryRow(ctx, `select hung_at from granted_connections where connection_id = $1`, connection).Scan(&at)
	return at, doing(orNone(err, nil), "look when connection %d was agreed to", connection)
}

// Unhang takes a connection off its grant and deletes the page's own token, if it has one, unless a consent has hung it there since the one that
// the caller has seen ([Connecting.ConsentOf]). Left is how much of any agency still hangs on the grant; known is false when the connection hung
// on none, or a consent has.
func (c Connecting) Unhang(ctx context.Context, connection int64, seen time.Time) (g domain.GrantKey, left int, known bool, err error) {
	err = pgx.BeginFunc(ctx, c.Pool, func(tx pgx.Tx) error {
		// The grant is locked first: of two that take its last two connections off at once, one must see that nothing is left.
		row := tx.QueryRow(ctx, `
			select g.platform, g.app, g.person from grants g join granted_connections c using (platform, app, person)
			where c.connection_id = $1 and c.hung_at = $2 for update`, connection, seen)
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
	return g, left, err == nil, doing(err, "take connection %d off its grant", connection)
}

// DropGrant forgets a grant that nothing hangs on, with its tokens, and tells whether it did. A sign-in whose tokens wait for a choice holds it:
// giving it back would end them.
func (c Connecting) DropGrant(ctx context.Context, g domain.GrantKey, now time.Time) (dropped bool, err error) {
	err = pgx.BeginFunc(ctx, c.Pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `delete from grants g where platform = $1 and app = $2 and person = $3 and not exists (
			select from granted_connections c where (c.platform, c.app, c.person) = (g.platform, g.app, g.person)) and not exists (
			select from connect_attempts a where a.grant_ref = g.secret_ref and a.step = 'choosing' and a.expires_at > $4)`,
			int(g.Platform), g.App, g.Person, now)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		dropped = true
		_, err = tx.Exec(ctx, `delete from secrets where ref = $1`, g.SecretRef())
		return err
	})
	return dropped, doing(err, "forget a grant")
}

// GrantOf returns what was stored of a grant; known is false when nothing was.
func (c Connecting) GrantOf(ctx context.Context, key domain.GrantKey) (g domain.Grant, known bool, err error) {
	g.GrantKey = key
	err = c.Pool.QueryRow(ctx, `select granted, declined, consented_at, data_access_until from grants where platform = $1 and app = $2 and person = $3`,
		int(key.Platform), key.App, key.Person).Scan(&g.Granted, &g.Declined, &g.ConsentedAt, &g.DataAccessUntil)
	if errors.Is(err, pgx.ErrNoRows) {
		return g, false, nil
	}
	return g, err == nil, doing(err, "look up a grant")
}
