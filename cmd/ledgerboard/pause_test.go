package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

// One wrong name refuses all, before anything is paused, and the answer lists both kinds.
func TestPausableKnowsAllNamesFirst(t *testing.T) {
	t.Parallel()
	kinds, err := pausable([]string{"linkedin", "post_insights"})
	require.NoError(t, err)
	require.Equal(t, domain.PausePlatform, kinds["linkedin"])
	require.Equal(t, domain.PauseProjection, kinds["post_insights"])
	_, err = pausable([]string{"linkedin", "post_insight"})
	require.ErrorAs(t, err, new(usageError))
	for _, part := range []string{`"post_insight"`, "dashboards", "tiktok", "Nothing was changed"} {
		require.ErrorContains(t, err, part)
	}
}
