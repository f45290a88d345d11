package vault

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// Errors of a link that cannot be used.
var (
	// ErrLinkUnknown (not_found): it does not exist, has expired or was revoked.
	ErrLinkUnknown = domain.NewError(domain.CodeNotFound, "This link is no longer valid. Ask the person who sent it for a new one.")
	// ErrLinkElsewhere (forbidden): another browser opened it first.
	ErrLinkElsewhere = domain.NewError(domain.CodeForbidden,
		"This link was opened in another browser and works only there. Use that browser, or ask the person who sent it for a new link.")
)

// maxLinks limits a list.
const maxLinks = 500

const linkColumns = `id::text as id, parent_account, account_id, platforms, made_by, made_role, made_at, expires_at, revoked_at, cookie is not null as followed, cookie`

func (c Connecting) link(ctx context.Context, query string, args ...any) (domain.ConnectLink, error) {
	rows, _ := c.Pool.Query(ctx, query, args...)
	l, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[domain.ConnectLink])
	return l, doing(orNone(err, ErrLinkUnknown), "look up a connect link")
}

// MakeLink stores a link. token is the digest of the last part of its URL.
func (c Connecting) MakeLink(ctx context.Context, l domain.ConnectLink, token []byte) error {
	return pg.Exec(ctx, c.Pool, "create a connect link", `
		insert into connect_links (id, token, parent_account, account_id, platforms, made_by, made_role, made_at, expires_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		l.ID, token, l.ParentAccount, l.AccountID, l.Platforms, l.MadeBy, l.MadeRole, l.MadeAt, l.ExpiresAt)
}

// Links returns the links of an agency, or of one account, newest first, at most 500.
func (c Connecting) Links(ctx context.Context, parent, account string) ([]domain.ConnectLink, error) {
	return pg.List(ctx, c.Pool, "list connect links", pgx.RowToStructByName[domain.ConnectLink], `
		select `+linkColumns+` from connect_links where parent_account = $1 and ($2 = '' or account_id = $2)
		order by made_at desc, id limit $3`, parent, account, maxLinks)
}

// Link returns a link by the digest of the last part of its URL. Errors: [ErrLinkUnknown].
func (c Connecting) Link(ctx context.Context, token []byte) (domain.ConnectLink, error) {
	return c.link(ctx, `select `+linkColumns+` from connect_links where token = $1`, token)
}

// LinkByID returns a link of an agency. Errors: [ErrLinkUnknown].
func (c Connecting) LinkByID(ctx context.Context, parent, id string) (domain.ConnectLink, error) {
	return c.link(ctx, `select `+linkColumns+` from connect_links where parent_account = $1 and id::text = $2`, parent, id)
}

// FollowLink binds a link to a browser unless it is already bound, and reports whether this call
// bound it. Errors: [ErrLinkUnknown], [ErrLinkElsewhere].
func (c Connecting) FollowLink(ctx context.Context, token, cookie []byte, now time.Time) (l domain.ConnectLink, first bool, err error) {
	l, err = c.link(ctx, `
		update connect_links set cookie = $2 where token = $1 and cookie is null and revoked_at is null and expires_at > $3 returning `+linkColumns,
		token, cookie, now)
	if !errors.Is(err, ErrLinkUnknown) {
		return l, err == nil, err
	}
	switch l, err = c.Link(ctx, token); {
	case err != nil:
		return l, false, err
	case !l.Open(now):
		return l, false, ErrLinkUnknown
	case !bytes.Equal(l.Cookie, cookie):
		return l, false, ErrLinkElsewhere
	default:
		return l, false, nil
	}
}

// RevokeLink revokes a link of an agency; sign-ins started with it cannot continue. Errors:
// [ErrLinkUnknown].
func (c Connecting) RevokeLink(ctx context.Context, parent, id string, now time.Time) (domain.ConnectLink, error) {
	return c.link(ctx, `update connect_links set revoked_at = coalesce(revoked_at, $3) where parent_account = $1 and id::text = $2 returning `+linkColumns,
		parent, id, now)
}
