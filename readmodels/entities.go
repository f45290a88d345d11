package readmodels

import (
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Entities answers two of the data model's four entities: users and platforms, a file for each. The other two,
// activities and stats, are figures.
type Entities struct {
	// Pool reads schemas lb and kept; a read-only one will do.
	Pool *pgxpool.Pool
}

// What is asked for by id and does not exist, or is not the caller's to see.
var (
	// ErrNoUser answers a user that the caller does not see.
	ErrNoUser = domain.NewError(domain.CodeNotFound, "There is no such user. Check the id.")
	// ErrPlatformNotFound answers a connected account that the caller does not see.
	ErrPlatformNotFound = domain.NewError(domain.CodeNotFound, "There is no such connected account. Check the id.")
)
