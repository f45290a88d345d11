package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

// One wrong name refuses all, before anything is paused, and the answer lists what there is.
func TestPausableKnowsAllNamesFirst(t *testing.T) {
	t.Parallel()
	all, connections, err := allPausable([]string{"LinkedIn", "post_insights", "31"})
	require.NoError(t, err)
	require.Equal(t, []pausable{{domain.PausePlatform, "linkedin"}, {domain.PauseProjection, "post_insights"}, {domain.PauseConnection, "31"}}, all)
	require.Equal(t, []int64{31}, connections)
	for _, wrong := range []string{"post_insight", "-1", "0"} {
		_, _, err = allPausable([]string{"linkedin", wrong})
		require.ErrorAs(t, err, new(usageError))
		for _, part := range []string{`"` + wrong + `"`, "dashboards", "tiktok", "Nothing was changed"} {
			require.ErrorContains(t, err, part)
		}
	}
}
