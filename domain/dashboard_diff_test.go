package domain_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
)

// What lies between two lists is what lies between the sets of their elements, in whatever order they come.
func TestDifferenceOfLists(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		lists := rapid.SliceOfN(rapid.SampledFrom([]string{"", "a", "b", "c", "d", "e"}), 0, 7)
		was, is := lists.Draw(t, "was"), lists.Draw(t, "is")
		wasBefore, isBefore := slices.Clone(was), slices.Clone(is)
		d := domain.DifferenceBetween(&domain.Dashboard{Users: was}, domain.Dashboard{Users: is})
		require.Equal(t, lacking(was, is), d.UsersAdded)
		require.Equal(t, lacking(is, was), d.UsersRemoved)
		require.Equal(t, wasBefore, was, "the lists are left alone")
		require.Equal(t, isBefore, is, "the lists are left alone")
	})
}

// lacking are the elements of list that others does not hold, once each, sorted.
func lacking(others, list []string) []string {
	out := []string{}
	for _, id := range list {
		if !slices.Contains(others, id) && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}
