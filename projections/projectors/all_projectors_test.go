package projectors_test

import (
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
	require.Equal(t, []string{"contents", "directory"}, are(func(p fold.Projector) bool { _, is := p.(fold.Compacted); return is }))
	require.Equal(t, []string{"operations"}, are(fold.SpansPartitions))
	require.Equal(t, []string{"dashboards"}, are(func(p fold.Projector) bool { _, is := p.(fold.HoldsUp); return is }))
	require.Equal(t, []string{"dashboards"}, are(func(p fold.Projector) bool { _, is := p.Begin(1).(fold.Chained); return is }))
}
