package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"image"
	"image/png"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api/bearer"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/certs"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/pictures"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/signin"
)

// outgoing are the hosts that the program asks, each by its own client. None of them resolves.
var outgoing = map[string]func(ctx context.Context, host string) error{
	"scontent.pictures.invalid": func(ctx context.Context, host string) error {
		_, err := pictures.New(pictures.Config{Hosts: []string{"pictures.invalid"}}).Take(ctx, "https://"+host+"/p.png")
		return err
	},
	"issuer.invalid": func(ctx context.Context, host string) error {
		_, err := signin.NewProvider(signin.ProviderConfig{Issuer: "https://" + host, ClientID: "c"}).Address(ctx, signin.Flow{}, 0)
		return err
	},
	"keys.invalid": func(ctx context.Context, host string) error {
		tokens, err := bearer.New(ctx, bearer.Config{Keys: "https://" + host + "/jwks.json", Issuer: "i", Audience: "a", Logger: ledgertest.Quiet})
		if err != nil {
			return err
		}
		unknown := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","kid":"k"}`)) // its key is looked up
		_, err = tokens.Authenticate(&http.Request{Header: http.Header{"Authorization": {"Bearer " + unknown + ".e30.AAAA"}}})
		return err
	},
	"platform.invalid": func(ctx context.Context, host string) error {
		set, err := platforms.New(platforms.Config{TikTok: platforms.Endpoint{BaseURL: "https://" + host, ClientID: "c", ClientSecret: "s"}})
		if err != nil {
			return err
		}
		client, err := set.For(domain.TikTok)
		if err != nil {
			return err
		}
		_, err = client.Account(ctx, platforms.Target{ExternalID: "u", AccessToken: "t"}, platforms.AccountRequest{})
		return err
	},
}

const askEnv = "LEDGERBOARD_TEST_ASKS"

// Every client of other hosts uses the proxy of the environment, except for the hosts in NO_PROXY. Go reads the environment
// once in a process, so another one asks.
func TestOutgoingRequestsUseTheProxy(t *testing.T) {
	t.Parallel()
	if os.Getenv(askEnv) != "" {
		for host, ask := range outgoing {
			t.Logf("%s: %v", host, ask(t.Context(), host))
		}
		return
	}
	authority := certs.NewAuthority(t)
	var picture bytes.Buffer
	require.NoError(t, png.Encode(&picture, image.NewGray(image.Rect(0, 0, 4, 4))))
	origin := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".png") {
			w.Header().Set("Content-Type", "image/png")
			_, _ = w.Write(picture.Bytes())
			return
		}
		_, _ = io.WriteString(w, `{"keys":[]}`)
	}))
	origin.TLS = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		pair := authority.Issue(t, hello.ServerName, time.Now().Add(24*time.Hour))
		cert, err := tls.X509KeyPair(pair.Cert, pair.Key)
		return &cert, err
	}}
	origin.StartTLS()
	t.Cleanup(origin.Close)

	var mu sync.Mutex
	var tunnels []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		mu.Lock()
		tunnels = append(tunnels, strings.TrimSuffix(r.Host, ":443"))
		mu.Unlock()
		there, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", origin.Listener.Addr().String())
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer there.Close()
		here, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer here.Close()
		_, _ = io.WriteString(here, "HTTP/1.1 200 Connection established\r\n\r\n")
		go func() { _, _ = io.Copy(there, here); _ = there.Close() }()
		_, _ = io.Copy(here, there)
	}))
	t.Cleanup(proxy.Close)

	asks := func(noProxy string) (hosts []string, said string) {
		self, err := os.Executable()
		require.NoError(t, err)
		child := exec.CommandContext(t.Context(), self, "-test.run=^TestOutgoingRequestsUseTheProxy$", "-test.v")
		child.Env = append(os.Environ(), askEnv+"=1", "HTTPS_PROXY="+proxy.URL, "NO_PROXY="+noProxy, "SSL_CERT_FILE="+authority.File)
		out, err := child.CombinedOutput()
		require.NoError(t, err, "%s", out)
		mu.Lock()
		defer mu.Unlock()
		hosts, tunnels = tunnels, nil
		slices.Sort(hosts)
		return slices.Compact(hosts), string(out)
	}
	hosts, said := asks("")
	require.Equal(t, []string{"issuer.invalid", "keys.invalid", "platform.invalid", "scontent.pictures.invalid"}, hosts, said)
	require.Contains(t, said, "scontent.pictures.invalid: <nil>", "the picture was taken through the proxy, whose own address is not public")
	hosts, said = asks("pictures.invalid,.invalid")
	require.Empty(t, hosts, said)
	require.NotContains(t, said, "<nil>")
}
