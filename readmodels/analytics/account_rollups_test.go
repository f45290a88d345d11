package analytics

import (
	"testing"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"
)

// Data that is not an array of the expected kind gives an error instead of wrong numbers.
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
		n := max(0, (len(wrong)-beforeAll)/(beforeElement+8))
		require.ErrorContains(t, checkArray(wrong, n, 8), "elements of 8 bytes", name)
	}
}
