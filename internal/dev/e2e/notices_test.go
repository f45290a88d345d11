//go:build e2e

package e2e_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/demo"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
)

// gate is the network before the program. Shut, it cuts what is open and takes nothing new.
type gate struct {
	t *testing.T
	*toxiproxy.Proxy

	listeners []*listener
}

// newGate returns an open gate to the program's address, which a restart keeps.
func newGate(t *testing.T, base string) *gate {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	g := &gate{t: t, Proxy: toxiproxy.NewProxy(server, t.Name(), ledgertest.FreeAddress(t), strings.TrimPrefix(base, "http://"))}
	g.reopen()
	t.Cleanup(g.Stop)
	return g
}

func (g *gate) url() string { return "http://" + g.Listen }

func (g *gate) reopen() {
	require.NoError(g.t, g.Start())
}

func (g *gate) cut() {
	before := make([]int, len(g.listeners))
	for i, l := range g.listeners {
		before[i] = l.Count("disconnect", "")
	}
	g.Stop()
	for i, l := range g.listeners {
		l.away(before[i] + 1)
	}
}

// A user who loses access hears it once on every page, whatever happens to network and server.
func TestAccessRemovedNoticesReachEveryClientOnce(t *testing.T) {
	dir := t.TempDir()
	p := startDemo(t, dir)
	dashboard := p.info.IDs.SubAccounts[0]
	everybody := p.listed(dashboard)
	require.GreaterOrEqual(t, len(everybody), 2, "the demo's first dashboard has too few users for this test")
	leaver, stayer := everybody[0], everybody[1]
	with := ids(everybody)
	without := func(users ...demo.UserID) []string {
		return slices.DeleteFunc(slices.Clone(with), func(id string) bool { return slices.Contains(ids(users), id) })
	}
	// Each round ends with everybody on the list again; it returns the id of the leaver's notice.
	removeLeaver := func() string {
		id := p.setUsers(dashboard, without(leaver))
		p.setUsers(dashboard, with)
		return id
	}

	token := p.clientToken(leaver)
	far := newGate(t, p.base) // cut off whenever the test wants
	far.listeners = []*listener{
		listenSocketIO(t, "websocket", far.url(), leaver.ID, token, "websocket"),
		listenSocketIO(t, "polling", far.url(), leaver.ID, token, "polling"),
		listenEventSource(t, "EventSource", far.url(), leaver.ID, token),
	}
	// Never cut: what they hear moves the stored cursor on, so that far pages use their own offsets.
	near := []*listener{
		listenSocketIO(t, "near page", p.base, leaver.ID, token),
		listenEventSource(t, "near EventSource", p.base, leaver.ID, token),
	}
	mine := append(slices.Clone(far.listeners), near...)
	others := []*listener{
		listenSocketIO(t, "page of another user", p.base, stayer.ID, p.clientToken(stayer)),
		listenEventSource(t, "EventSource of another user", p.base, stayer.ID, p.clientToken(stayer)),
	}
	var expected []string
	heardByAll := func(listeners []*listener) {
		t.Helper()
		for _, l := range listeners {
			l.expect(expected...)
		}
	}

	t.Log("cut before the first notice: the clients have nothing but the cursor they were given")
	far.cut()
	expected = append(expected, removeLeaver())
	heardByAll(near)
	far.reopen()
	heardByAll(mine)

	t.Log("cut, two notices missed")
	far.cut()
	expected = append(expected, removeLeaver(), removeLeaver())
	heardByAll(near)
	far.reopen()
	heardByAll(mine)

	t.Log("the server is killed and started")
	far.cut()
	p.Kill()
	p = startDemo(t, dir)
	expected = append(expected, removeLeaver())
	heardByAll(near)
	far.reopen()
	heardByAll(mine)

	t.Log("one last change takes both off the list: nobody has heard anything else")
	fresh := listenEventSource(t, "fresh EventSource", p.base, leaver.ID, token)
	page := listenSocketIO(t, "fresh page", p.base, leaver.ID, token)
	last := p.setUsers(dashboard, without(leaver, stayer))
	expected = append(expected, last)
	heardByAll(mine)
	for _, l := range append(others, fresh, page) {
		l.expect(last)
	}
}
