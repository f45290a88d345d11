package desk_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/desk"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// A rebuild is refused beside one of the same projection and version, and beside no other.
func TestASecondRebuildIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		one     operator.Rebuild
		refused bool
	}{
		"one under way":      {operator.Rebuild{ID: "r9", Projection: "contents", Version: 2, State: operator.RebuildCopying}, true},
		"one that waits":     {operator.Rebuild{ID: "r9", Projection: "contents", Version: 2, State: operator.RebuildSwitching}, true},
		"one that ended":     {operator.Rebuild{ID: "r9", Projection: "contents", Version: 2, State: operator.RebuildDone}, false},
		"another version":    {operator.Rebuild{ID: "r9", Projection: "contents", Version: 1, State: operator.RebuildCopying}, false},
		"another projection": {operator.Rebuild{ID: "r9", Projection: "directory", Version: 2, State: operator.RebuildCopying}, false},
	} {
		err := desk.NoneUnderWay([]operator.Rebuild{c.one}, "contents", 2)
		if !c.refused {
			require.NoError(t, err, name)
			continue
		}
		require.Equal(t, domain.CodeConflict, domain.CodeOf(err), name)
		require.ErrorContains(t, err, "A rebuild of contents has been under way since", name)
	}
}

// Only in the stream of an agency's dashboards does a parked event hold up others.
func TestWhatHoldsUp(t *testing.T) {
	t.Parallel()
	const agency = "5f1d7f3b8c9d440001a1b2c3"
	require.True(t, desk.HoldsUp(operator.ParkedEvent{Topic: domain.TopicDashboards, Stream: agency}))
	require.False(t, desk.HoldsUp(operator.ParkedEvent{Topic: domain.TopicMetrics, Stream: agency}))
	require.False(t, desk.HoldsUp(operator.ParkedEvent{Topic: domain.TopicDashboards, Stream: "x"}))
}
