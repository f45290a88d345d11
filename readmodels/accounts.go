package readmodels

import (
	"context"

	"github.com/ledgerboard/ledgerboard/internal/pg"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Accounts answers who belongs to whom, from the directory.
type Accounts struct{ Pool pg.Reader }

// ParentAccount returns the agency of a sub-account; an unknown account is not_found.
func (a Accounts) ParentAccount(ctx context.Context, subAccount string) (string, error) {
	var parent string
	known, err := found(a.Pool.QueryRow(ctx, `select parent_account from accounts where id = $1 and parent_account is not null`, subAccount),
		"read agency of account "+subAccount, &parent)
	if err == nil && !known {
		err = domain.NewError(domain.CodeNotFound, "The account of your token is not known here.")
	}
	return parent, err
}

// MayListen tells whether a user may still be sent notices: an error with the code forbidden when the
// directory holds the user as not active, or as moved to another account. A user whom it does not
// hold is judged by the token alone.
func (a Accounts) MayListen(ctx context.Context, user, account string) error {
	var active, moved bool
	known, err := found(a.Pool.QueryRow(ctx, `select active, account_id <> $2 from users where id = $1`, user, account),
		"read user "+user, &active, &moved)
	if known && (!active || moved) {
		return domain.NewError(domain.CodeForbidden, "This user is not active in this account any more.")
	}
	return err
}
