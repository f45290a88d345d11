package pg

import (
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
)

// IsDataError reports whether the server refused the values themselves (SQLSTATE class 22, data
// exception, or 23, constraint violation): repeating the same write cannot help. Every other error
// may pass: a lost connection, a lock timeout, a full disk.
func IsDataError(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && len(e.Code) == 5 && (e.Code[:2] == "22" || e.Code[:2] == "23")
}

// MayPass reports whether an error says that the database is away, is going away or is overloaded, or that tables are
// not where they were, as when a generation was retired under a process that had stood still: the same statement may
// succeed a moment later. SQLSTATE classes 08 (connection), 53 (resources), 57P (the server stops or starts), and 42P01
// and 3F000 (no such table or schema).
func MayPass(err error) bool {
	var refused *pgconn.PgError
	if errors.As(err, &refused) && len(refused.Code) == 5 {
		return refused.Code[:2] == "08" || refused.Code[:2] == "53" || refused.Code[:3] == "57P" ||
			refused.Code == "42P01" || refused.Code == "3F000"
	}
	var connecting *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connecting) || errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
		errors.Is(err, net.ErrClosed) || pgconn.SafeToRetry(err)
}
