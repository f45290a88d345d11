package chaos_test

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// link is the network from one process to one server.
type link struct{ proxy *toxiproxy.Proxy }

var taken = map[int]bool{}

// newLink returns a link that takes connections at once; what they reach is told by to.
func newLink(t testing.TB, name string) *link {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	// Its port is below those that the kernel gives to others, so that it is free again after a cut.
	for port := 30000; port < 32768; port++ {
		if taken[port] {
			continue
		}
		l := &link{toxiproxy.NewProxy(server, name, "127.0.0.1:"+strconv.Itoa(port), "127.0.0.1:1")}
		if l.proxy.Start() == nil {
			t.Cleanup(l.cut)
			return l
		}
	}
	require.FailNow(t, "no port is free")
	return nil
}

func (l *link) to(upstream string) error {
	next := &toxiproxy.Proxy{Listen: l.proxy.Listen, Upstream: upstream, Enabled: true}
	return l.proxy.Update(next)
}

func (l *link) addr() string { return l.proxy.Listen }

func (l *link) port() string {
	_, port, _ := net.SplitHostPort(l.proxy.Listen)
	return port
}

// cut ends every connection; no new one is taken until mend.
func (l *link) cut() { l.proxy.Stop() }

// mend takes connections again. Of two faults at once both may have cut it, and the end of each mends it.
func (l *link) mend() error {
	if err := l.proxy.Start(); !errors.Is(err, toxiproxy.ErrProxyAlreadyStarted) {
		return err
	}
	return nil
}

// slow makes every answer late, by 100 to 300 ms.
func (l *link) slow() error {
	_, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(
		`{"name":"slow","type":"latency","stream":"downstream","attributes":{"latency":200,"jitter":100}}`))
	return err
}

func (l *link) quicken() error { return l.proxy.Toxics.RemoveToxic(context.Background(), "slow") }
