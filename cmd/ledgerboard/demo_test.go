package main

import (
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

// A demo has defaults of its own; what somebody says counts, also when it is what a service would take.
func TestDemoTakesWhatIsSaid(t *testing.T) {
	parse := func(args ...string) (c cli) {
		parser, err := kong.New(&c, defaults(), kong.Resolvers(kong.ResolverFunc(demoDefault)))
		require.NoError(t, err)
		_, err = parser.Parse(args)
		require.NoError(t, err)
		return c
	}
	require.Equal(t, 6000, parse("serve").Serve.RateLimit)
	require.Equal(t, 60_000, parse("demo").Demo.RateLimit)
	require.Equal(t, 60_000, parse("serve", "--mock").Serve.RateLimit)
	require.Equal(t, 10*time.Second, parse("demo").Demo.CheckpointEvery)
	require.Equal(t, time.Minute, parse("demo").Demo.PostInsightsInterval)
	require.Equal(t, 6000, parse("demo", "--rate-limit=6000").Demo.RateLimit)
	require.Equal(t, time.Hour, parse("serve", "--checkpoint-every=1h", "--mock").Serve.CheckpointEvery)
	t.Setenv("LEDGERBOARD_RATE_LIMIT", "6000")
	require.Equal(t, 6000, parse("demo").Demo.RateLimit)
	require.Equal(t, 6000, parse("serve", "--mock").Serve.RateLimit)
}
