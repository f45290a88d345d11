package fold_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// The decoder repeats a number that is too large: it may be a telephone number.
func TestDetailDoesNotRepeatANumber(t *testing.T) {
	t.Parallel()
	_, err := domain.NewRegistry().Decode("directory.category.v1", []byte(`{"id":49176123456789012345678}`))
	require.ErrorContains(t, err, "49176123456789012345678")
	require.NotContains(t, fold.WithoutValues(err), "4917")
}
