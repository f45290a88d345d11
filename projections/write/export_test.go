package write

import "github.com/jackc/pgx/v5/pgtype"

// AppendBinary appends a value of a column as a rebuild copies it.
func AppendBinary(b []byte, types *pgtype.Map, oid uint32, value any) ([]byte, error) {
	return appendBinary(b, types, oid, value)
}
