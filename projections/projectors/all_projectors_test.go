package projectors_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// The engine asks each projector for what only some are, and is content when it is not: one that stopped being it would be missed by nobody.
func TestWhatOnlySomeProjectorsAre(t *testing.T) {
	t.Parallel()
	are := func(is func(fold.Projector) bool) (names []string) {
		for _, p := range projectors.All(1) {
			if is(p) {
				names = append(names, p.Name())
			}
		}
		return names
	}
	require.Equal(t, []string{"account_insights", "post_insights"}, are(fold.TravelsInTime))
	require.Equal(t, []string{"contents", "directory"}, are(func(p fold.Projector) bool { _, is := p.(fold.Compacted); return is }))
	require.Equal(t, []string{"contents", "directory"}, are(func(p fold.Projector) bool { _, is := p.(fold.Uncompared); return is }))
	require.Equal(t, []string{"operations"}, are(fold.SpansPartitions))
	require.Equal(t, []string{"dashboards"}, are(func(p fold.Projector) bool { _, is := p.(fold.HoldsUp); return is }))
	require.Equal(t, []string{"dashboards"}, are(func(p fold.Projector) bool { _, is := p.Begin(1).(fold.Chained); return is }))
	require.Equal(t, []string{"account_insights", "post_insights", "contents", "directory"}, are(func(p fold.Projector) bool {
		personal, is := p.(fold.Personal)
		if is {
			for table := range personal.PersonRows() {
				require.True(t, slices.Contains(p.Tables(), table), "an erasure looks for a person in %s, which is no table of %s", table, p.Name())
			}
		}
		return is
	}))
}
