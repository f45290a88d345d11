package eventlog_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/certs"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// credentialFiles are the files that an operator, or cert-manager, replaces while the service runs.
type credentialFiles struct{ authorities, cert, key, password string }

func newCredentialFiles(t *testing.T) credentialFiles {
	t.Helper()
	dir := t.TempDir()
	return credentialFiles{
		filepath.Join(dir, "ca.pem"), filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"), filepath.Join(dir, "password"),
	}
}

func (c credentialFiles) write(t *testing.T, a *certs.Authority, client certs.Pair, password string) {
	t.Helper()
	authorities, err := os.ReadFile(a.File)
	require.NoError(t, err)
	for path, content := range map[string][]byte{
		c.authorities: authorities, c.cert: client.Cert, c.key: client.Key, c.password: []byte(password),
	} {
		require.NoError(t, os.WriteFile(path, content, 0o600))
	}
}

func (c credentialFiles) use(cfg *eventlog.Config, mechanism string) {
	cfg.TLS = func() (*tls.Config, error) {
		authorities, err := os.ReadFile(c.authorities)
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(authorities)
		pair, err := tls.LoadX509KeyPair(c.cert, c.key)
		return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, Certificates: []tls.Certificate{pair}}, err
	}
	cfg.SASL = &eventlog.SASLConfig{Mechanism: mechanism, User: securedUser, Password: func() (string, error) {
		raw, err := os.ReadFile(c.password)
		return string(raw), err
	}}
}

// openClients opens a log and subscribes a reactor. use appends one record with each producer and
// waits until the reactor has received one of this call: it misses what is appended while it is
// disconnected.
func openClients(t *testing.T, cfg eventlog.Config) (log *eventlog.Log, written *stream, use func()) {
	t.Helper()
	log, err := eventlog.Open(testContext(t), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, log.Close()) })
	subscriber := log.NewSubscriber()
	t.Cleanup(func() { require.NoError(t, subscriber.Close()) })
	messages, err := subscriber.Subscribe(t.Context(), domain.TopicMetrics)
	require.NoError(t, err)
	written = &stream{codec: log.Codec(), key: agency}
	return log, written, func() {
		t.Helper()
		d, _ := written.next()
		require.NoError(t, log.Append(testContext(t), d))
		require.NotEmpty(t, scanAll(t, log, eventlog.ScanConfig{Topic: domain.TopicDashboards}))
		reading := postRead(1, int(written.head.Version))
		ledgertest.Eventually(t, func() bool {
			require.NoError(t, log.Append(testContext(t), reading))
			for {
				select {
				case m := <-messages:
					m.Ack()
					if m.UUID == reading.Envelope.ID {
						return true
					}
				case <-time.After(ledgertest.Tick):
					return false
				}
			}
		})
	}
}

// listener lets a test close all connections, as a restart of the brokers does.
type listener struct {
	mu   sync.Mutex
	open []net.Conn
	more chan struct{} // closed when awaited more connections are open
	need int
}

// accepted is closed after the given number of further connections.
func (l *listener) accepted(n int) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.more, l.need = make(chan struct{}), n
	return l.more
}

func (l *listener) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.open {
		_ = c.Close()
	}
	l.open = nil
}

type recording struct {
	net.Listener
	*listener
}

func (r recording) Accept() (net.Conn, error) {
	c, err := r.Listener.Accept()
	if err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.open = append(r.open, c)
		if r.need--; r.need == 0 {
			close(r.more)
		}
	}
	return c, err
}

// A client certificate expires and was renewed in time, the authority of the brokers is replaced, and
// then the brokers restart: the process continues with the files that are there now.
func TestRenewedCertificatesAreUsedForNewConnections(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	now, serving := time.Now(), (*tls.Config)(nil)
	first, second := certs.NewAuthority(t), certs.NewAuthority(t)
	brokerOf := func(a *certs.Authority) *tls.Config {
		config := a.Issue(t, "127.0.0.1", time.Now().Add(20*time.Hour)).Serve(t)
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, a.Trust().RootCAs
		config.Time = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
		return config
	}
	serve := func(a *certs.Authority, at time.Time) {
		config := brokerOf(a)
		mu.Lock()
		defer mu.Unlock()
		now, serving = at, config
	}
	serve(first, now)
	connections := &listener{}
	_, brokers := newCluster(t, kfake.ListenFn(func(network, address string) (net.Listener, error) {
		inner, err := net.Listen(network, address)
		if err != nil {
			return nil, err
		}
		return tls.NewListener(recording{inner, connections}, &tls.Config{
			MinVersion:         tls.VersionTLS12,
			GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { mu.Lock(); defer mu.Unlock(); return serving, nil },
		}), nil
	}))
	files := newCredentialFiles(t)
	files.write(t, first, first.Issue(t, "client", time.Now().Add(time.Hour)), "unused")
	cfg := newConfig(t, brokers)
	files.use(&cfg, eventlog.SASLPlain)
	cfg.SASL = nil
	log, written, useEachClient := openClients(t, cfg)
	useEachClient()

	serve(first, time.Now().Add(2*time.Hour)) // the certificate of the client has expired
	connections.cut()
	d, _ := written.next()
	reason := errors.New("three connections were refused")
	require.ErrorIs(t, log.Append(endsWhen(t, connections.accepted(3), reason), d), reason)
	files.write(t, first, first.Issue(t, "client", time.Now().Add(20*time.Hour)), "unused")
	useEachClient()

	serve(second, time.Now().Add(2*time.Hour)) // a renewed authority
	files.write(t, second, second.Issue(t, "client", time.Now().Add(20*time.Hour)), "unused")
	connections.cut()
	useEachClient()
}

// A password is replaced at the brokers and in its file, then the brokers restart: each client
// continues with the new one.
func TestAReplacedPasswordIsUsedForNewConnections(t *testing.T) {
	t.Parallel()
	authority, connections := certs.NewAuthority(t), &listener{}
	serving := authority.Issue(t, "127.0.0.1", time.Now().Add(time.Hour)).Serve(t)
	cluster, brokers := newCluster(t, kfake.EnableSASL(), kfake.Superuser(eventlog.SASLPlain, securedUser, securedPassword),
		kfake.ListenFn(func(network, address string) (net.Listener, error) {
			inner, err := net.Listen(network, address)
			return tls.NewListener(recording{inner, connections}, serving), err
		}))
	accepted := &atomic.Pointer[string]{} // the password of the brokers: kfake cannot change its own
	accepted.Store(new(securedPassword))
	cluster.ControlKey(int16(kmsg.SASLAuthenticate), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		sent := request.(*kmsg.SASLAuthenticateRequest)
		if !bytes.HasSuffix(sent.SASLAuthBytes, []byte("\x00"+*accepted.Load())) {
			answer := sent.ResponseKind().(*kmsg.SASLAuthenticateResponse)
			answer.ErrorCode = kerr.SaslAuthenticationFailed.Code
			return answer, nil, true
		}
		sent.SASLAuthBytes = []byte("\x00" + securedUser + "\x00" + securedPassword)
		return nil, nil, false
	})
	files := newCredentialFiles(t)
	client := authority.Issue(t, "client", time.Now().Add(time.Hour))
	files.write(t, authority, client, securedPassword)
	cfg := newConfig(t, brokers)
	files.use(&cfg, eventlog.SASLPlain)
	_, _, useEachClient := openClients(t, cfg)
	useEachClient()

	const renewed = "another-f4ke-password"
	accepted.Store(new(renewed))
	files.write(t, authority, client, renewed)
	connections.cut()
	useEachClient()
}

// While brokers are unreachable, clients repeat the same warnings several times a second: each is
// logged twice a minute.
func TestRepeatedClientWarningsAreRateLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		client := eventlog.ClientLogger(slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelWarn})))
		for range 60 * 10 {
			client.Log(kgo.LogLevelWarn, "unable to open connection to broker", "broker", "0")
			client.Log(kgo.LogLevelError, "unable to initialize a producer id")
			time.Sleep(100 * time.Millisecond)
		}
		require.Equal(t, 2, strings.Count(logged.String(), "unable to open connection to broker"))
		require.Equal(t, 2, strings.Count(logged.String(), "unable to initialize a producer id"))
	})
}
