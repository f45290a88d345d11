package readmodels

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Accounts answers who belongs to whom, from the directory.
type Accounts struct{ Pool *pgxpool.Pool }

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
