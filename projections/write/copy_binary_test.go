package write_test

import (
	"encoding/binary"
	"math"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/projections/write"
)

// For every value and column type of our tables, the encoder gives the same bytes or error as pgx.
func TestBinaryValuesEqualPgx(t *testing.T) {
	t.Parallel()
	instants := []time.Time{
		{},
		time.Date(1969, 12, 31, 23, 59, 59, 999_999_000, time.UTC), time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2026, 10, 1, 23, 30, 0, 123_456_000, time.FixedZone("west", -3*3600)), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC),
	}
	values := []any{
		nil, true, false, "", "text", `{"a":1}`, "2026-10-01", "5",
		[]byte(nil),
		[]byte{},
		[]byte(`[]`),
		[]byte{0, 255},
		int16(-7), int32(math.MinInt32), int64(math.MaxInt64), new(int64(-1)), (*int64)(nil), &instants[3], (*time.Time)(nil), 12, 1.5,
		[]int16{1, -2},
		[]int16{},
		[]int16(nil),
		[]int64{math.MinInt64, 3},
		[]int64{},
		[]int64(nil),
		[]string{"a", "", "é"},
		[]string{},
		[]string(nil),
		instants,
		[]time.Time{},
		[]time.Time(nil),
	}
	for _, at := range instants {
		values = append(values, at)
	}
	types := pgtype.NewMap()
	for _, oid := range []uint32{
		pgtype.Int8OID, pgtype.Int4OID, pgtype.Int2OID, pgtype.BoolOID, pgtype.TextOID, pgtype.TimestamptzOID, pgtype.DateOID, pgtype.JSONBOID,
		pgtype.ByteaOID, pgtype.Int2ArrayOID, pgtype.Int8ArrayOID, pgtype.TextArrayOID, pgtype.TimestamptzArrayOID, pgtype.UUIDOID,
	} {
		for _, value := range values {
			want, refused := types.Encode(oid, pgtype.BinaryFormatCode, value, []byte{})
			got, err := write.AppendBinary([]byte("before"), types, oid, value)
			if refused != nil {
				require.Error(t, err, "%T %v as %d", value, value, oid)
				continue
			}
			require.NoError(t, err, "%T %v as %d", value, value, oid)
			length := uint32(len(want))
			if want == nil {
				length = math.MaxUint32 // null
			}
			require.Equal(t, append(binary.BigEndian.AppendUint32([]byte("before"), length), want...), got, "%T %v as %d", value, value, oid)
		}
	}
}
