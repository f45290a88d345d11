package domain_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

func TestParseQuotas(t *testing.T) {
	t.Parallel()
	defaults := domain.DefaultQuotas()
	parsed, err := domain.ParseQuotas(nil)
	require.NoError(t, err)
	require.Equal(t, defaults, parsed)

	parsed, err = domain.ParseQuotas([]string{"linkedin:app:500/24h", " linkedin:account:100/24h", "tiktok:none"})
	require.NoError(t, err)
	require.Equal(t, []domain.Quota{
		defaults[0], defaults[1],
		{Platform: domain.LinkedIn, Scope: domain.QuotaPerApp, Calls: 500, Window: 24 * time.Hour},
		{Platform: domain.LinkedIn, Scope: domain.QuotaPerAccount, Calls: 100, Window: 24 * time.Hour},
	}, parsed)
	for _, limit := range parsed {
		require.NotContains(t, limit.String(), "m0s")
		again, err := domain.ParseQuotas([]string{limit.String()})
		require.NoError(t, err)
		require.Contains(t, again, limit)
	}
}

func TestParseQuotasReportsAllErrors(t *testing.T) {
	t.Parallel()
	_, err := domain.ParseQuotas([]string{
		"myspace:app:10/1m", "tiktok:app", "tiktok:app:ten/1m", "facebook:app:100/soon", "linkedin:page:100/24h", "instagram:app:9/1m",
		"linkedin:app:10/1m", "linkedin:app:20/1m",
	})
	for _, want := range []string{
		`unknown platform "myspace"`, `"tiktok:app": use platform`, `"tiktok:app:ten/1m": use platform`, `window "soon"`, `scope "page"`,
		"use at least 10 calls", "more than one limit",
	} {
		require.ErrorContains(t, err, want)
	}
}

func FuzzParseQuotas(f *testing.F) {
	f.Add("tiktok:operation:600/1m")
	f.Add("linkedin:none")
	f.Fuzz(func(t *testing.T, text string) {
		limits, err := domain.ParseQuotas([]string{text})
		if err != nil {
			return
		}
		for _, l := range limits {
			require.True(t, l.Platform.Valid())
			require.Positive(t, l.Window)
			require.GreaterOrEqual(t, l.Calls, 10)
		}
	})
}
