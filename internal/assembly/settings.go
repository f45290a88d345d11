package assembly

import (
	"context"
	"crypto/tls"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// Settings say what a process stands on. Whoever fills them has validated them.
type Settings struct {
	Brokers []string             // none: one in this process
	TLS     *tls.Config          // nil: plain connections to the brokers
	SASL    *eventlog.SASLConfig // nil: no authentication at the brokers
	// Existing makes no topic that is missing: opening the log is then an error, [eventlog.ErrNoTopic].
	Existing bool

	DatabaseURL string     // "": a server started by this process
	ReadConns   int32      // that reads of this process may hold; 0: defaultReadConns
	SecretsKeys vault.Keys // that seal tokens
	// NoSubscriptions says that accounts are read and connected without a subscription.
	NoSubscriptions bool

	Embedded Embedded // starts what is not configured; nil where everything is

	Logger     *slog.Logger          // nil: discards
	Registerer prometheus.Registerer // nil: metrics are kept and not exposed
}

// Embedded starts a broker and a database in this process. internal/embedded offers it; it is handed in, so
// that a main application, which has both, need not link them.
type Embedded interface {
	// StartBroker also returns the settings of topics that go before those of the deployment: it must never
	// compact or expire.
	StartBroker(ctx context.Context) (addrs []string, topicSettings map[string]string, stop func() error, err error)
	// HasPostgres tells whether a database was ever started there.
	HasPostgres() bool
	// StartPostgres also returns a channel that is closed when the server has ended.
	StartPostgres(ctx context.Context) (url string, ended <-chan struct{}, stop func() error, err error)
}

// ParseSecretsKeys reads keys as LEDGERBOARD_SECRETS_KEY has them, for a main application, which knows no vault.
func ParseSecretsKeys(text string) (vault.Keys, error) { return vault.ParseKeys(text) }
