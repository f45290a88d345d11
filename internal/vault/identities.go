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
	// ErrNotLinked (not_found): no user is linked.
	ErrNotLinked = domain.NewError(domain.CodeNotFound, "This user is linked to nobody of an identity provider: there is nothing to take off.")
	// ErrLinkedElsewhere (conflict): the user is linked to another person of the provider.
	ErrLinkedElsewhere = domain.NewError(domain.CodeConflict, "This user is linked to another person of the identity provider.")
)

// Identities is whom the identity provider knows as which user.
type Identities struct{ Pool *pgxpool.Pool }

// UserOf returns the user that a subject of an issuer is linked to. Error: [ErrNotLinked].
func (i Identities) UserOf(ctx context.Context, issuer, subject string) (user string, err error) {
	err = i.Pool.QueryRow(ctx, `select user_id from identities where issuer = $1 and subject = $2`, issuer, subject).Scan(&user)
	return user, doing(orNone(err, ErrNotLinked), "look up whom an identity provider knows")
}

// Link links a subject of an issuer to a user. Of several at once one is linked. Error: [ErrLinkedElsewhere], also when the subject has become
// another user's meanwhile.
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

// LinkedTo returns the issuer that knows a user. Error: [ErrNotLinked].
func (i Identities) LinkedTo(ctx context.Context, user string) (issuer string, err error) {
	err = i.Pool.QueryRow(ctx, `select issuer from identities where user_id = $1`, user).Scan(&issuer)
	return issuer, doing(orNone(err, ErrNotLinked), "look up who is linked to a user")
}

// Unlink takes a user's link off and ends its sessions. Error: [ErrNotLinked].
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
	}), "take a link off")
}
