package quota_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// The next call of an app in development comes minutes later: neither a worker nor who signs in waits for that, and the refusal
// names the quota.
func TestNobodyWaitsForAnAppInDevelopment(t *testing.T) {
	t.Parallel()
	g := setup(t).gate()
	signIn := platforms.Call{Platform: domain.LinkedIn, Op: "me"}
	for range 25 {
		require.NoError(t, admit(g, signIn, platforms.CallStats{}))
	}
	err := admit(g, signIn, platforms.CallStats{})
	requireRefused(t, err, platforms.ClassThrottled, 24*time.Hour/450+time.Millisecond)
	require.ErrorContains(t, err, "linkedin:app:500/24h")
}
