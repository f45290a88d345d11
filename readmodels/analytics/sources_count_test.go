package analytics_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// Sources are counted by platform, the gravest status first and with its reason, in whatever order they stand.
func TestCountSources(t *testing.T) {
	t.Parallel()
	source := func(p domain.Platform, status analytics.SourceStatus, reason string) analytics.Source {
		return analytics.Source{PlatformRef: readmodels.PlatformRefOf(p), Status: status, Reason: reason}
	}
	paused := source(domain.Facebook, analytics.SourceOK, "")
	paused.Paused = "An operator has paused it."
	require.Equal(t, []analytics.PlatformSources{}, analytics.CountSources(nil))
	require.Equal(t, []analytics.PlatformSources{
		{
			PlatformRef: readmodels.PlatformRefOf(domain.Facebook), Sources: 5, Reason: "Sign in.", Paused: 1,
			Counts: []analytics.StatusCount{{analytics.SourceReconnect, 2}, {analytics.SourcePartial, 1}, {analytics.SourceOK, 2}},
		},
		{
			PlatformRef: readmodels.PlatformRefOf(domain.TikTok), Sources: 1, Counts: []analytics.StatusCount{{analytics.SourceOK, 1}},
		},
	}, analytics.CountSources([]analytics.Source{
		source(domain.Facebook, analytics.SourceOK, ""), source(domain.Facebook, analytics.SourceReconnect, "Sign in."),
		source(domain.Facebook, analytics.SourcePartial, "A gap."), source(domain.Facebook, analytics.SourceReconnect, "Another."),
		paused, source(domain.TikTok, analytics.SourceOK, ""),
	}))
}
