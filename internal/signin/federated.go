package signin

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

var (
	// ErrNotLinked (not_found): the user is not linked.
	ErrNotLinked = domain.NewError(domain.CodeNotFound,
		"This user is not linked to an identity provider: there is no link to remove.")
	// ErrLinkedElsewhere (conflict): the user is linked to another subject of the issuer, or the
	// subject to another user.
	ErrLinkedElsewhere = domain.NewError(domain.CodeConflict,
		"This user is already linked to another account at the identity provider, or this account to another user.")
)

// FederatedIdentities are the subjects of identity providers that are linked to users. A user has at
// most one subject of each issuer: links to an earlier issuer neither count nor prevent a link to the current one.
type FederatedIdentities struct{ Pool *pgxpool.Pool }

// User returns the user that a subject of an issuer is linked to. Error: [ErrNotLinked].
func (f FederatedIdentities) User(ctx context.Context, issuer, subject string) (user string, err error) {
	user, found, err := pg.Find(ctx, f.Pool, "look up the user of an identity", pgx.RowTo[string],
		`select user_id from identities where issuer = $1 and subject = $2`, issuer, subject)
	if err == nil && !found {
		err = ErrNotLinked
	}
	return user, err
}

// UsersNamed returns the users who are linked to one of the names: a subject of any issuer, or an issuer
// and a subject separated by a space.
func (f FederatedIdentities) UsersNamed(ctx context.Context, names []string) (users []string, err error) {
	return pg.List(ctx, f.Pool, "look up the users of names", pgx.RowTo[string],
		`select user_id from identities where subject = any($1) or issuer || ' ' || subject = any($1)`, names)
}

// UnknownNames returns those of the names that are not the name of anyone who is linked or signed in.
func (f FederatedIdentities) UnknownNames(ctx context.Context, names []string) ([]string, error) {
	return pg.List(ctx, f.Pool, "look for people by name", pgx.RowTo[string], `
		select name from unnest($1::text[]) name
		where not exists (select from identities where subject = name or issuer || ' ' || subject = name)
		  and not exists (select from sessions where user_id = name or name = any(known_as))`, names)
}

// Link links a subject of an issuer to a user. Of several concurrent calls one succeeds. Error:
// [ErrLinkedElsewhere], including when the subject was linked to another user in the meantime.
func (f FederatedIdentities) Link(ctx context.Context, issuer, subject, user string, now time.Time) error {
	err := pg.Exec(ctx, f.Pool, "link a user", `
		insert into identities (issuer, subject, user_id, linked_at) values ($1, $2, $3, $4) on conflict do nothing`,
		issuer, subject, user, now)
	if err != nil {
		return err
	}
	linked, err := f.User(ctx, issuer, subject)
	if err == nil && linked != user || errors.Is(err, ErrNotLinked) {
		return ErrLinkedElsewhere
	}
	return err
}

// Issuers returns the issuers that a user is linked to. Error: [ErrNotLinked].
func (f FederatedIdentities) Issuers(ctx context.Context, user string) (issuers []string, err error) {
	issuers, err = pg.List(ctx, f.Pool, "look up the identities of a user", pgx.RowTo[string],
		`select issuer from identities where user_id = $1 order by linked_at desc`, user)
	if err == nil && len(issuers) == 0 {
		err = ErrNotLinked
	}
	return issuers, err
}

// Unlink removes a user's links and ends the user's sessions. Error: [ErrNotLinked].
func (f FederatedIdentities) Unlink(ctx context.Context, user string) error {
	return pg.Wrap("remove the identity of a user", pgx.BeginFunc(ctx, f.Pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `delete from identities where user_id = $1`, user)
		if err == nil && tag.RowsAffected() == 0 {
			err = ErrNotLinked
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `delete from sessions where user_id = $1`, user)
		return err
	}))
}
