package analytics

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	_ "github.com/ledgerboard/ledgerboard/internal/dev/draws"
)

// Arrays are read as pgx writes and reads them.
func TestSentArraysAreReadAsPgxReadsThem(t *testing.T) {
	t.Parallel()
	types := pgtype.NewMap()
	types.RegisterType(&pgtype.Type{Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC}})
	rapid.Check(t, func(t *rapid.T) {
		requireRead(t, types, pgtype.Int2ArrayOID, 2, int16At, rapid.SliceOfN(rapid.Int16(), 1, 40).Draw(t, "days"))
		requireRead(t, types, pgtype.Int8ArrayOID, 8, int64At, rapid.SliceOfN(rapid.Int64(), 1, 40).Draw(t, "values"))
		instants := rapid.Map(rapid.Int64Range(-1<<57, 1<<57), time.UnixMicro)
		requireRead(t, types, pgtype.TimestamptzArrayOID, 8, timeAt, rapid.SliceOfN(instants, 1, 40).Draw(t, "captures"))
	})
	n, err := lengthOf(binary.BigEndian.AppendUint32(make([]byte, 8), pgtype.Int8OID), 8) // as PostgreSQL sends an empty one
	require.NoError(t, err)
	require.Zero(t, n)
}

func requireRead[T any](t *rapid.T, types *pgtype.Map, oid uint32, width int, at func(sentArray, int) T, values []T) {
	sent, err := types.Encode(oid, pgtype.BinaryFormatCode, values, nil)
	require.NoError(t, err)
	var want []T
	require.NoError(t, types.Scan(oid, pgtype.BinaryFormatCode, sent, &want))
	n, err := lengthOf(sent, width)
	require.NoError(t, err)
	require.Len(t, want, n)
	for i := range want {
		require.Equal(t, want[i], at(sent, i))
	}
}

// What is not an array of the kind is told, instead of numbers that are none.
func TestArraysOfAnotherKindAreRefused(t *testing.T) {
	t.Parallel()
	types := pgtype.NewMap()
	sent := func(oid uint32, format int16, value any) []byte {
		buf, err := types.Encode(oid, format, value, nil)
		require.NoError(t, err)
		return buf
	}
	whole := sent(pgtype.Int8ArrayOID, pgtype.BinaryFormatCode, []int64{1, 2, 3})
	for name, wrong := range map[string][]byte{
		"null":        nil,
		"text":        sent(pgtype.Int8ArrayOID, pgtype.TextFormatCode, []int64{1, 2, 3}),
		"with a null": sent(pgtype.Int8ArrayOID, pgtype.BinaryFormatCode, []*int64{new(int64(1)), nil, new(int64(2))}),
		"only a null": sent(pgtype.Int8ArrayOID, pgtype.BinaryFormatCode, []*int64{nil}),
		"narrower":    sent(pgtype.Int4ArrayOID, pgtype.BinaryFormatCode, []int32{1, 2, 3}),
		"as long":     sent(pgtype.Int4ArrayOID, pgtype.BinaryFormatCode, []int32{1, 2, 3})[:beforeAll+12],
		"two dimensions": sent(pgtype.Int8ArrayOID, pgtype.BinaryFormatCode, pgtype.Array[int64]{
			Elements: []int64{1, 2}, Dims: []pgtype.ArrayDimension{{Length: 2, LowerBound: 1}, {Length: 1, LowerBound: 1}}, Valid: true,
		}),
		"cut":           whole[:len(whole)-1],
		"only a header": whole[:beforeAll],
	} {
		_, err := lengthOf(wrong, 8)
		require.ErrorContains(t, err, "elements of 8 bytes", name)
	}
}
