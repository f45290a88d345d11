package main

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/demo"
	"github.com/ledgerboard/ledgerboard/internal/dev/demo/launch"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// In a demo, people who are made up sign in at each simulated platform; no address leads out of this machine.
func TestDemoSignsInAtItsSimulator(t *testing.T) {
	const callBack = "http://127.0.0.1:6001/connect"
	world := demo.New(demo.Config{Seed: 7, Anchor: time.Now().Add(-time.Hour), Days: 1})
	base, stop, err := launch.Simulate(t.Context(), world, 7, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(stop)
	var c cli
	parser, err := kong.New(&c, defaults(), kong.Resolvers(kong.ResolverFunc(demoDefault)))
	require.NoError(t, err)
	_, err = parser.Parse([]string{"demo"})
	require.NoError(t, err)
	c.Demo.fill(&launch.State{}, base)
	require.Empty(t, c.Demo.fetching.validate())
	config, err := c.Demo.fetchConfig()
	require.NoError(t, err)
	for _, limit := range config.Quota.Limits {
		require.False(t, limit.Assumed, "%s: a demo is read as an approved app is", limit)
	}
	set, err := platforms.New(config.Platforms)
	require.NoError(t, err)
	t.Cleanup(set.Close)
	for _, p := range domain.Platforms() {
		signIn, err := set.SignIn(p)
		require.NoError(t, err)
		address := signIn.Address("state", callBack)
		require.True(t, strings.HasPrefix(address, base+"/"), address)
		form := strings.NewReader(url.Values{"decision": {"consent"}, "scope": {"pages_show_list", "user.info.profile"}, "page": {"90011"}}.Encode())
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address+"&as="+simulator.Mara, form)
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := http.DefaultTransport.RoundTrip(r)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		back, err := resp.Location()
		require.NoError(t, err)
		consent, err := signIn.Redeem(t.Context(), back.Query().Get("code"), callBack)
		require.NoError(t, err, p)
		require.Equal(t, "Mara", consent.Name[:4])
		require.NotEmpty(t, consent.Offered)
	}
}
