package mount

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/scheduler"
)

// Defaults of [Config], those of the program.
const (
	DefaultMaxLag                  = 10_000
	DefaultAccountInsightsEvery    = 30 * time.Second
	DefaultAccountInsightsInterval = 30 * time.Second
	DefaultPostInsightsCron        = "0 */12 * * *"
)

// DefaultClientScopes are the scopes that a new dashboard starts with.
func DefaultClientScopes() []string { return []string{"analytics", "posts", "reports"} }

// SASL are the credentials for the brokers.
type SASL struct {
	Mechanism string // PLAIN, SCRAM-SHA-256 or, when empty, SCRAM-SHA-512
	User      string
	Password  string
}

// Config says what [Open] stands on. Where processes of the program have a setting of the same meaning, it
// must be the same here.
type Config struct {
	Brokers     []string    // Kafka, host:port; required
	TLS         *tls.Config // nil: plain connections to the brokers
	SASL        *SASL       // nil: no authentication at the brokers
	DatabaseURL string      // PostgreSQL, postgres://…; required

	// Authenticator finds out who is calling where no middleware has left a caller with [api.WithPrincipal].
	// Required; [api.AuthenticatorFunc] makes one of a function.
	Authenticator api.Authenticator
	// HTTP holds the prefix, the origins of CORS, the rate limit, and whether the analytics are at the root of
	// the prefix too, beside its /auth.
	HTTP    api.Config
	Tickets api.TicketStore // nil: known to this process alone

	// ManagedSubscriptions are the product types whose orders make points of contact; required.
	ManagedSubscriptions []string
	ClientScopes         []string // scopes that a new dashboard starts with; nil: [DefaultClientScopes]

	// The rhythm of the fetchers, from which answers say when the next reading is due.
	AccountInsightsEvery    time.Duration // how often it is looked who is due; [DefaultAccountInsightsEvery]
	AccountInsightsInterval time.Duration // when an account is due again; [DefaultAccountInsightsInterval]
	PostInsightsCron        string        // five fields, UTC; [DefaultPostInsightsCron]

	MaxLag     int64                 // events that a read model may be behind before /readyz says so; [DefaultMaxLag]
	Logger     *slog.Logger          // slog.Default()
	Registerer prometheus.Registerer // nil: no metrics
}

// WithDefaults returns a copy of c with defaults in place of zero values.
func (c Config) WithDefaults() Config {
	if c.ClientScopes == nil {
		c.ClientScopes = DefaultClientScopes()
	}
	if c.AccountInsightsEvery == 0 {
		c.AccountInsightsEvery = DefaultAccountInsightsEvery
	}
	if c.AccountInsightsInterval == 0 {
		c.AccountInsightsInterval = DefaultAccountInsightsInterval
	}
	if c.PostInsightsCron == "" {
		c.PostInsightsCron = DefaultPostInsightsCron
	}
	if c.MaxLag == 0 {
		c.MaxLag = DefaultMaxLag
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Registerer == nil {
		c.Registerer = prometheus.NewRegistry() // that nobody reads
	}
	return c
}

var scopeForm = regexp.MustCompile(domain.ScopePattern)

// Validate returns every fault of c at once, joined. Zero values that have a default are none.
func (c Config) Validate() error {
	c = c.WithDefaults()
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf("mount: "+format, args...)) }
	if len(c.Brokers) == 0 {
		add("Config.Brokers is empty; name the brokers of the service as host:port")
	}
	for _, broker := range c.Brokers {
		if host, port, err := net.SplitHostPort(broker); err != nil || host == "" || port == "" {
			add("Config.Brokers names %q, which is not host:port", broker)
		}
	}
	if c.DatabaseURL == "" {
		add("Config.DatabaseURL is empty; name the database of the service")
	}
	if c.Authenticator == nil {
		add("Config.Authenticator is not set; it says who is calling")
	}
	if len(c.ManagedSubscriptions) == 0 {
		add("Config.ManagedSubscriptions is empty; name the product types whose orders make points of contact")
	}
	for _, scope := range c.ClientScopes {
		if !scopeForm.MatchString(scope) {
			add("Config.ClientScopes names %q, which is no scope (%s)", scope, domain.ScopePattern)
		}
	}
	if c.MaxLag < 0 {
		add("Config.MaxLag is %d; use 0 (the default) or more", c.MaxLag)
	}
	if _, err := scheduler.Every(c.AccountInsightsEvery); err != nil {
		add("Config.AccountInsightsEvery: %w", err)
	}
	if c.AccountInsightsInterval < 0 {
		add("Config.AccountInsightsInterval is %s; use 0 (the default) or more", c.AccountInsightsInterval)
	}
	if _, err := scheduler.Cron(c.PostInsightsCron); err != nil {
		add("Config.PostInsightsCron: %w", err)
	}
	return errors.Join(append(errs, c.HTTP.Validate())...)
}

// backends say where the log and the database are and how to reach them.
func (c Config) backends() assembly.Settings {
	at := assembly.Settings{Brokers: c.Brokers, TLS: c.TLS, DatabaseURL: c.DatabaseURL, Logger: c.Logger, Registerer: c.Registerer}
	if c.SASL != nil {
		at.SASL = &eventlog.SASLConfig{Mechanism: c.SASL.Mechanism, User: c.SASL.User, Password: c.SASL.Password}
		if at.SASL.Mechanism == "" {
			at.SASL.Mechanism = eventlog.SASLScramSHA512
		}
	}
	return at
}
