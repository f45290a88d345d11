package eventlog_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/certs"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// Credentials of the brokers of these tests.
const securedUser, securedPassword = "writer", "f4ke-password"

// secured are brokers that accept only TLS with credentials. "" means that a kind of broker does
// not offer the listener.
type secured struct {
	authority          *certs.Authority
	trusted, untrusted certs.Pair // client certificates: signed by the authority, and by another one

	brokers string // has a certificate for localhost
	expired string // has an expired certificate
	asking  string // requests a client certificate
}

// TLS and SASL of the one configuration work for both clients, and an error names the setting to
// check.
func TestTLSAndSASLWithEmbeddedBrokers(t *testing.T) {
	t.Parallel()
	for _, mechanism := range []string{eventlog.SASLPlain, eventlog.SASLScramSHA256, eventlog.SASLScramSHA512} {
		t.Run(mechanism, func(t *testing.T) {
			t.Parallel()
			s := newSecured(t)
			start := func(ends time.Duration, asks bool) string {
				config := s.authority.Issue(t, "127.0.0.1", time.Now().Add(ends)).Serve(t)
				if asks {
					config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, s.authority.Trust().RootCAs
				}
				_, brokers := newCluster(t, kfake.TLS(config), kfake.EnableSASL(), kfake.Superuser(mechanism, securedUser, securedPassword))
				return brokers[0]
			}
			s.brokers, s.expired, s.asking = start(time.Hour, false), start(-time.Hour, false), start(time.Hour, true)
			s.suite(t, mechanism)
		})
	}
}

func newSecured(t *testing.T) *secured {
	t.Helper()
	s := &secured{authority: certs.NewAuthority(t)}
	s.trusted = s.authority.Issue(t, "client", time.Now().Add(time.Hour))
	s.untrusted = certs.NewAuthority(t).Issue(t, "client", time.Now().Add(time.Hour))
	return s
}

func (s *secured) config(t *testing.T, broker, mechanism string) eventlog.Config {
	t.Helper()
	cfg := newConfig(t, []string{broker})
	cfg.TLS = with(s.authority.Trust())
	cfg.SASL = &eventlog.SASLConfig{Mechanism: mechanism, User: securedUser, Password: password(securedPassword)}
	return cfg
}

func (s *secured) suite(t *testing.T, mechanism string) {
	config := func(broker string) eventlog.Config { return s.config(t, broker, mechanism) }
	s.opens(t, config(s.brokers))
	withCertificate := config(s.asking)
	withCertificate.TLS = with(s.presents(t, s.trusted))
	s.opens(t, withCertificate)

	refused := func(broker, setting string, change func(c *eventlog.Config)) {
		t.Helper()
		cfg := config(broker)
		change(&cfg)
		_, err := eventlog.Open(testContext(t), cfg)
		require.ErrorContains(t, err, setting)
		require.NotContains(t, err.Error(), securedPassword)
	}
	refused(s.brokers, "check LEDGERBOARD_KAFKA_CA", func(c *eventlog.Config) { c.TLS = with(certs.NewAuthority(t).Trust()) })
	refused(s.brokers, "check LEDGERBOARD_KAFKA_BROKERS", func(c *eventlog.Config) {
		otherName := s.authority.Trust()
		otherName.ServerName = "other"
		c.TLS = with(otherName)
	})
	refused(s.expired, "the certificate of the broker has expired", func(*eventlog.Config) {})
	refused(s.brokers, "LEDGERBOARD_KAFKA_PASSWORD and LEDGERBOARD_KAFKA_SASL", func(c *eventlog.Config) { c.SASL.Password = password("of another user") })
	refused(s.brokers, "LEDGERBOARD_KAFKA_USER", func(c *eventlog.Config) { c.SASL.User = "stranger" })
	refused(s.brokers, "LEDGERBOARD_KAFKA_USER", func(c *eventlog.Config) { c.SASL = nil })
	refused(s.brokers, "LEDGERBOARD_KAFKA_TLS", func(c *eventlog.Config) { c.TLS = nil })
	refused(s.asking, "LEDGERBOARD_KAFKA_CERT", func(*eventlog.Config) {})
	refused(s.asking, "LEDGERBOARD_KAFKA_CERT", func(c *eventlog.Config) { c.TLS = with(s.presents(t, s.untrusted)) })
}

// with uses one TLS configuration for each connection.
func with(config *tls.Config) func() (*tls.Config, error) {
	return func() (*tls.Config, error) { return config, nil }
}

func password(text string) func() (string, error) { return func() (string, error) { return text, nil } }

// presents is the configuration of a client that trusts the brokers and has a certificate.
func (s *secured) presents(t *testing.T, pair certs.Pair) *tls.Config {
	config := s.authority.Trust()
	config.Certificates = pair.Serve(t).Certificates
	return config
}

// opens uses each client of a log: single records and reactors (sarama), bulk and scans (kgo).
func (s *secured) opens(t *testing.T, cfg eventlog.Config) {
	t.Helper()
	log, err := eventlog.Open(testContext(t), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, log.Close()) })
	subscriber := log.NewSubscriber()
	defer subscriber.Close()
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	messages, err := subscriber.Subscribe(ctx, domain.TopicMetrics)
	require.NoError(t, err)
	require.NoError(t, log.Append(testContext(t), postRead(1, 1)))
	require.NoError(t, log.AppendBulk(testContext(t), []domain.Draft{postRead(1, 2)}))
	scanned := 0
	for _, records := range scanAll(t, log, eventlog.ScanConfig{Topic: domain.TopicMetrics}) {
		scanned += len(records)
	}
	require.Equal(t, 2, scanned)
	select {
	case m := <-messages:
		m.Ack()
	case <-ctx.Done():
		require.FailNow(t, "the reactor received nothing")
	}
}

// A broker over a network without TLS is logged once; one on this machine, and one with TLS, are
// not.
func TestUnencryptedBrokersAreLogged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		brokers []string
		tls     func() (*tls.Config, error)
		warned  bool
	}{
		"another machine":      {[]string{"127.0.0.1:1", "kafka.invalid:9092"}, nil, true},
		"another machine, TLS": {[]string{"kafka.invalid:9092"}, with(&tls.Config{MinVersion: tls.VersionTLS12}), false},
		"this machine":         {[]string{"127.0.0.1:1", "localhost:1", "[::1]:1"}, nil, false},
	} {
		var logged bytes.Buffer
		cfg := newConfig(t, c.brokers)
		cfg.TLS, cfg.Logger = c.tls, slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelWarn}))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := eventlog.Open(ctx, cfg)
		require.ErrorContains(t, err, "no broker answers", name)
		if !c.warned {
			require.NotContains(t, logged.String(), "TLS is disabled", name)
			continue
		}
		require.Contains(t, logged.String(), "TLS is disabled", name)
		require.Contains(t, logged.String(), "brokers=[kafka.invalid:9092]")
	}
}
