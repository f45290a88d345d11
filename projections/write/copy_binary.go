package write

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// CopyTarget receives rows in bulk: [CopyInto], or one that several folds share in a check.
type CopyTarget interface {
	CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (int64, error)
}

// CopyInto writes rows into the tables of a transaction.
type CopyInto struct{ Tx pgx.Tx }

// CopyFrom is like [pgx.Tx.CopyFrom], but fast enough for millions of rows. It encodes the Go types
// that our tables use without looking up their encoding, which takes most of the time in pgx. It
// passes other types to pgx.
func (c CopyInto) CopyFrom(
	ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource,
) (int64, error) {
	names := make([]string, len(columns))
	for i, column := range columns {
		names[i] = pgx.Identifier{column}.Sanitize()
	}
	list := strings.Join(names, ", ")
	sql := "select " + list + " from " + table.Sanitize()
	described, err := c.Tx.Prepare(ctx, sql, sql)
	if err != nil {
		return 0, err
	}
	conn := c.Tx.Conn()
	encoded := &binaryRows{rows: rows, types: conn.TypeMap(), next: append([]byte{}, binaryHeader...)}
	for _, field := range described.Fields {
		encoded.oids = append(encoded.oids, field.DataTypeOID)
	}
	tag, err := conn.PgConn().CopyFrom(ctx, encoded, "copy "+table.Sanitize()+" ("+list+") from stdin binary")
	return tag.RowsAffected(), err
}

// binaryHeader is the header of a binary COPY: the signature, the flags, and an empty extension.
const binaryHeader = "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"

type binaryRows struct {
	rows  pgx.CopyFromSource
	types *pgtype.Map
	oids  []uint32 // of the columns
	row   []byte   // buffer for one row
	next  []byte   // encoded but not read yet
}

// Read implements [io.Reader]. It fills b completely if enough rows are left, because each read is
// sent as one message.
func (r *binaryRows) Read(b []byte) (n int, err error) {
	for {
		read := copy(b[n:], r.next)
		n, r.next = n+read, r.next[read:]
		if n == len(b) {
			return n, nil
		}
		if !r.rows.Next() {
			if err := r.rows.Err(); err != nil {
				return n, err
			}
			if n > 0 {
				return n, nil
			}
			return 0, io.EOF
		}
		values, err := r.rows.Values()
		if err != nil {
			return n, err
		}
		if len(values) != len(r.oids) {
			return n, fmt.Errorf("a row has %d values, but the table has %d columns", len(values), len(r.oids))
		}
		r.row = binary.BigEndian.AppendUint16(r.row[:0], uint16(len(values)))
		for i, value := range values {
			if r.row, err = appendBinary(r.row, r.types, r.oids[i], value); err != nil {
				return n, err
			}
		}
		r.next = r.row
	}
}

// appendBinary appends a value with its length, like pgx does (TestBinaryValuesEqualPgx).
func appendBinary(b []byte, types *pgtype.Map, oid uint32, value any) ([]byte, error) {
	at := len(b)
	b = append(b, 0, 0, 0, 0)
	encoded, known, null := appendPlain(b, oid, value)
	if !known {
		var err error
		if encoded, err = types.Encode(oid, pgtype.BinaryFormatCode, value, b); err != nil {
			return nil, err
		}
		null = encoded == nil
	}
	if null {
		return binary.BigEndian.AppendUint32(b[:at], ^uint32(0)), nil
	}
	binary.BigEndian.PutUint32(encoded[at:], uint32(len(encoded)-at-4))
	return encoded, nil
}

// appendPlain appends a value without its length. known is false if the value does not have one of
// the frequent types.
func appendPlain(b []byte, oid uint32, value any) (encoded []byte, known, null bool) {
	switch v := value.(type) {
	case nil:
		return b, true, true
	case int64:
		return binary.BigEndian.AppendUint64(b, uint64(v)), oid == pgtype.Int8OID, false
	case *int64:
		if v == nil {
			return b, true, true
		}
		return binary.BigEndian.AppendUint64(b, uint64(*v)), oid == pgtype.Int8OID, false
	case int32:
		return binary.BigEndian.AppendUint32(b, uint32(v)), oid == pgtype.Int4OID, false
	case int16:
		return binary.BigEndian.AppendUint16(b, uint16(v)), oid == pgtype.Int2OID, false
	case bool:
		if v {
			return append(b, 1), oid == pgtype.BoolOID, false
		}
		return append(b, 0), oid == pgtype.BoolOID, false
	case string:
		return append(b, v...), oid == pgtype.TextOID, false
	case *time.Time:
		if v == nil {
			return b, true, true
		}
		return appendInstant(b, *v), oid == pgtype.TimestamptzOID, false
	case time.Time:
		if oid == pgtype.DateOID {
			return appendDate(b, v), true, false
		}
		return appendInstant(b, v), oid == pgtype.TimestamptzOID, false
	case []byte:
		if v == nil {
			return b, true, true
		}
		if oid == pgtype.JSONBOID {
			b = append(b, 1) // the version of the binary format
		}
		return append(b, v...), oid == pgtype.JSONBOID || oid == pgtype.ByteaOID, false
	default:
		return b, false, false
	}
}

const (
	secondsToY2K = 946_684_800 // between the epochs of Unix and PostgreSQL
	secondsOfDay = 24 * 60 * 60
)

// appendInstant appends microseconds since the start of the year 2000.
func appendInstant(b []byte, at time.Time) []byte {
	return binary.BigEndian.AppendUint64(b, uint64((at.Unix()-secondsToY2K)*1_000_000+int64(at.Nanosecond())/1000))
}

// appendDate appends days since the start of the year 2000.
func appendDate(b []byte, at time.Time) []byte {
	day := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
	return binary.BigEndian.AppendUint32(b, uint32((day.Unix()-secondsToY2K)/secondsOfDay))
}
