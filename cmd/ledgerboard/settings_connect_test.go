package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPublicURL(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"", "https://boards.example", "https://boards.example:8443/prefix", "http://localhost:6001", "http://127.0.0.1:6001", "http://[::1]:6001"} {
		require.NoError(t, checkPublicURL(good), good)
	}
	for _, bad := range []string{
		"http://boards.example", "https://boards.example/", "boards.example", "https://", "https://me@boards.example", "https://boards.example?x=1", "ftp://localhost",
		"http://localhost.evil.example",
	} {
		require.ErrorContains(t, checkPublicURL(bad), "LEDGERBOARD_PUBLIC_URL", bad)
	}
}

// Origins with a star may read answers, and are no place that a result page leads to.
func TestResultPagesLeadToWholeOriginsOnly(t *testing.T) {
	t.Parallel()
	s := settings{Roles: []string{roleAPI}, PublicURL: "https://boards.example", CORSOrigins: []string{"*", "http://localhost:*", "https://app.example"}}
	config, err := s.connectConfig()
	require.NoError(t, err)
	require.Equal(t, []string{"https://app.example"}, config.ReturnOrigins)
	s.Roles = []string{roleFetcher}
	config, err = s.connectConfig()
	require.NoError(t, err)
	require.Nil(t, config, "without the role api nobody asks")
}
