package write

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// binaryHeader is the header of a binary COPY: the signature, the flags, and an empty extension.
const binaryHeader = "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// encoder encodes rows of a table for COPY. It is fast enough for millions of rows, because it
// encodes the Go types that our tables use without looking up their encoding, which takes most of
// the time in pgx. It passes other types to pgx.
type encoder struct {
	copy  string      // the statement
	types *pgtype.Map // its own: a Map remembers plans, and several copies may share a connection
	oids  []uint32    // of the columns
}

func newEncoder(ctx context.Context, conn *pgx.Conn, table string, columns []string) (*encoder, error) {
	names := make([]string, len(columns))
	for i, column := range columns {
		names[i] = pgx.Identifier{column}.Sanitize()
	}
	// The name is quoted, and the server converts only unquoted names to lower case.
	name, list := pgx.Identifier{strings.ToLower(table)}.Sanitize(), strings.Join(names, ", ")
	sql := "select " + list + " from " + name
	described, err := conn.Prepare(ctx, sql, sql)
	if err != nil {
		return nil, fmt.Errorf("describe columns of %s: %w", table, err)
	}
	e := &encoder{copy: "copy " + name + " (" + list + ") from stdin binary", types: pgtype.NewMap()}
	for _, field := range described.Fields {
		e.oids = append(e.oids, field.DataTypeOID)
	}
	return e, nil
}

// appendRow appends a row to b, which must begin with binaryHeader.
func (e *encoder) appendRow(b []byte, values []any) ([]byte, error) {
	if len(values) != len(e.oids) {
		return nil, fmt.Errorf("a row has %d values, but %d columns", len(values), len(e.oids))
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(values)))
	for i, value := range values {
		var err error
		if b, err = appendBinary(b, e.types, e.oids[i], value); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (e *encoder) send(ctx context.Context, conn *pgx.Conn, rows []byte) error {
	_, err := conn.PgConn().CopyFrom(ctx, bytes.NewReader(rows), e.copy)
	return err
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
