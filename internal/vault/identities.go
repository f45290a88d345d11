package vault

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
)

var (
	// ErrNotLinked (not_found): the user is not linked.
	ErrNotLinked = domain.NewError(domain.CodeNotFound, "This user is not linked to an identity provider: there is no link to remove.")
	// ErrLinkedElsewhere (conflict): the user is linked to another person of the provider.
	ErrLinkedElsewhere = domain.NewError(domain.CodeConflict, "This user is linked to another person of the identity provider.")
)

// Identities maps subjects of the identity provider to users.
type Identities struct{ Pool *pgxpool.Pool }

// UserOf returns the user that a subject of an issuer is linked to. Error: [ErrNotLinked].
func (i Identities) UserOf(ctx context.Context, issuer, subject string) (user string, err error) {
	err = i.Pool.QueryRow(ctx, `select user_id from identities where issuer = $1 and subject = $2`, issuer, subject).Scan(&user)
	return user, doing(orNone(err, ErrNotLinked), "look up the user of an identity")
}

// Link links a subject of an issuer to a user. Of several concurrent calls one succeeds. Error:
// [ErrLinkedElsewhere], also if the subject was linked to another user in the meantime.
func (i Identities) Link(ctx context.Context, issuer, subject, user string, now time.Time) error {
	_, err := i.Pool.Exec(ctx, `insert into identities (issuer, subject, user_id, linked_at) values ($1, $2, $3, $4) on conflict do nothing`,
		issuer, subject, user, now)
	if err != nil {
		return doing(err, "link a user")
	}
	linked, err := i.UserOf(ctx, issuer, subject)
	if err == nil && linked != user || errors.Is(err, ErrNotLinked) {
		return ErrLinkedElsewhere
	}
	return err
}

// LinkedTo returns the issuer that a user is linked to. Error: [ErrNotLinked].
func (i Identities) LinkedTo(ctx context.Context, user string) (issuer string, err error) {
	err = i.Pool.QueryRow(ctx, `select issuer from identities where user_id = $1`, user).Scan(&issuer)
	return issuer, doing(orNone(err, ErrNotLinked), "look up the identity of a user")
}

// Unlink removes a user's link and ends the user's sessions. Error: [ErrNotLinked].
func (i Identities) Unlink(ctx context.Context, user string) error {
	return doing(pgx.BeginFunc(ctx, i.Pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `delete from identities where user_id = $1`, user)
		if err == nil && tag.RowsAffected() == 0 {
			err = ErrNotLinked
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `delete from sessions where user_id = $1`, user)
		return err
	}), "remove the identity of a user")
}
