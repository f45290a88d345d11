package pg

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

// IsDataError reports whether the server refused the values themselves (SQLSTATE class 22, data
// exception, or 23, constraint violation): repeating the same write cannot help. Every other error
// may pass: a lost connection, a lock timeout, a full disk.
func IsDataError(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && len(e.Code) == 5 && (e.Code[:2] == "22" || e.Code[:2] == "23")
}
