package domain_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

func TestLinkIsOpenUntilItsEnd(t *testing.T) {
	t.Parallel()
	end := time.Date(2026, 5, 1, 9, 0, 0, 0, time.UTC)
	link := domain.ConnectLink{ExpiresAt: end}
	require.True(t, link.Open(end.Add(-time.Microsecond)))
	require.False(t, link.Open(end))
	link.RevokedAt = new(end.Add(-time.Hour))
	require.False(t, link.Open(end.Add(-time.Minute)))
}
