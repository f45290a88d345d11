package assembly

import (
	"context"
	"crypto/tls"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// Settings configure the backends of a process. Callers must validate them.
type Settings struct {
	Brokers []string             // empty: an embedded broker
	TLS     *tls.Config          // nil: no TLS
	SASL    *eventlog.SASLConfig // nil: no authentication
	// Existing creates no missing topics: opening the log then returns [eventlog.ErrNoTopic].
	Existing bool

	DatabaseURL string     // "": a server started by this process
	ReadConns   int32      // for reads of this process; 0: defaultReadConns
	SecretsKeys vault.Keys // that encrypt tokens
	// NoSubscriptions says that accounts are read and connected without a subscription.
	NoSubscriptions bool

	Embedded Embedded // starts backends that are not configured; nil if all are

	Logger     *slog.Logger          // nil: discards
	Registerer prometheus.Registerer // nil: metrics are collected but not exported
}

// Embedded starts a broker and a database in this process. internal/embedded implements it. It is
// an interface so that a main application, which has both, need not link the implementation.
type Embedded interface {
	// StartBroker also returns topic settings that override those of the deployment: the broker
	// must never compact or expire records.
	StartBroker(ctx context.Context) (addrs []string, topicSettings map[string]string, stop func() error, err error)
	// HasPostgres reports whether a database was ever started there.
	HasPostgres() bool
	// StartPostgres also returns a channel that is closed when the server has ended.
	StartPostgres(ctx context.Context) (url string, ended <-chan struct{}, stop func() error, err error)
}

// ParseSecretsKeys parses keys in the format of LEDGERBOARD_SECRETS_KEY, for main applications,
// which cannot import the vault.
func ParseSecretsKeys(text string) (vault.Keys, error) { return vault.ParseKeys(text) }
