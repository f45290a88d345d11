package api_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/internal/dev/issuer"
)

// What the verifier refuses is refused wherever a token is shown: requests, event streams, Socket.IO.
func TestTrapsAreRefusedOnEveryWay(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *api.Deps) { d.Streams = quietHub(t) })
	good := issuer.Claims{User: alice, Account: client1, Now: b.now}
	b.views[agency+"/"+client1] = view(client1, 3)
	server := httptest.NewServer(b.server)
	t.Cleanup(server.Close)
	traps := map[string]string{
		"crit that nobody knows": issuer.SignPlain(secret, `{"alg":"HS256","crit":["http://example.com/x"]}`, good.With("")),
	}
	for name, trapped := range good.Trapped(t) {
		traps[name] = issuer.SignPlain(secret, issuer.PlainHeader, trapped)
	}
	taken := issuer.SignPlain(secret, issuer.PlainHeader, good.With(""))
	require.NotEqual(t, http.StatusUnauthorized, b.get(dashboardPath+client1, taken).status,
		"the traps differ from a good token in one thing each")
	m := &matrixCase{t: t, b: b, url: server.URL, token: taken}
	require.NotNil(t, m.connect(""), "Socket.IO lets a good token in")
	for name, token := range traps {
		answer := b.get(dashboardPath+client1, token)
		require.Equal(t, http.StatusUnauthorized, answer.status, name)
		for _, path := range []string{"/api/live", "/api/notices"} {
			status, _, _ := firstLines(t, server.URL+path, "Authorization: Bearer "+token)
			require.Equal(t, http.StatusUnauthorized, status, "%s, %s", name, path)
		}
		m := &matrixCase{t: t, b: b, url: server.URL, token: token}
		require.Nil(t, m.connect(answer.failure(t).Message), "%s, Socket.IO", name)
	}
}
