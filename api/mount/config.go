package mount

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"regexp"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/mod/sumdb/note"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/console"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

var scopeForm = regexp.MustCompile(domain.ScopePattern)

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
	// UnknownUsers lets those in whom the directory does not hold, unless they were erased. Without it every user but
	// auditors and operators must be there.
	UnknownUsers bool
	// WithdrawnFile names subjects who have no rights any more, one a line; it is read again within a second, and open streams end within 10. "": nobody.
	WithdrawnFile string
	// HTTP holds the prefix, the origins of CORS, the rate limit, and whether the analytics are at the root of
	// the prefix too, beside its /auth.
	HTTP api.Config

	// ManagedSubscriptions are the product types whose orders make points of contact; required.
	ManagedSubscriptions []string
	// NoSubscriptions is LEDGERBOARD_SUBSCRIPTIONS=none of the service: accounts are read without a subscription.
	NoSubscriptions bool
	ClientScopes    []string // scopes that a new dashboard starts with; nil: [DefaultClientScopes]

	// Connect has pages and profiles connected here; nil: there are no such routes.
	Connect *Connect

	// ConsoleSignIn has the console served too, at /console below the prefix, to people whom the main application has signed in: it is the address
	// where those go who are not, https://… or a path of the main application. The page that was asked for is added as the parameter "to", a path.
	// "": no console.
	ConsoleSignIn string

	// CheckpointPublicKeys are the public keys of the service's checkpoints, as 'ledgerboard keygen' prints them, those of earlier keys too: what
	// auditors are given proofs with. nil: auditors' bundles, checkpoints and proofs answer 503.
	CheckpointPublicKeys []string

	Logger     *slog.Logger          // slog.Default()
	Registerer prometheus.Registerer // nil: no metrics
}

// WithDefaults returns a copy of c with defaults in place of zero values.
func (c Config) WithDefaults() Config {
	if c.ClientScopes == nil {
		c.ClientScopes = DefaultClientScopes()
	}
	c.Logger = cmp.Or(c.Logger, slog.Default())
	if c.Registerer == nil {
		c.Registerer = prometheus.NewRegistry() // that nobody reads
	}
	return c
}

// Validate returns every fault of c at once, joined. Zero values that have a default are not faults.
func (c Config) Validate() error {
	c = c.WithDefaults()
	var errs []error
	unless := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("mount: Config."+format, args...))
		}
	}
	unless(len(c.Brokers) > 0, "Brokers is empty; name the brokers of the service as host:port")
	for _, broker := range c.Brokers {
		host, port, err := net.SplitHostPort(broker)
		unless(err == nil && host != "" && port != "", "Brokers names %q, which is not host:port", broker)
	}
	unless(c.DatabaseURL != "", "DatabaseURL is empty; name the database of the service")
	unless(c.Authenticator != nil, "Authenticator is not set; it says who is calling")
	unless(len(c.ManagedSubscriptions) > 0, "ManagedSubscriptions is empty; name the product types whose orders make points of contact")
	for _, scope := range c.ClientScopes {
		unless(scopeForm.MatchString(scope), "ClientScopes names %q, which is no scope (%s)", scope, domain.ScopePattern)
	}
	_, err := c.application()
	unless(err == nil, "ConsoleSignIn %s", err)
	_, err = proof.ParseVerifiers(c.CheckpointPublicKeys...)
	unless(err == nil, "CheckpointPublicKeys: %s", err)
	return errors.Join(append(errs, c.HTTP.Validate(), c.Connect.validate())...)
}

// application is who signs the console's people in; nil: there is no console.
func (c Config) application() (*console.Application, error) {
	if c.ConsoleSignIn == "" {
		return nil, nil //nolint:nilnil // absent
	}
	at, err := url.Parse(c.ConsoleSignIn)
	web := err == nil && (at.Scheme == "https" || at.Scheme == "http") && at.Host != ""
	if path := err == nil && at.Scheme == "" && at.Host == "" && strings.HasPrefix(at.Path, "/"); !web && !path {
		return nil, fmt.Errorf("is %q; use https://… or a path that begins with a slash", c.ConsoleSignIn)
	}
	return &console.Application{Callers: c.Authenticator, SignIn: at, Prefix: c.HTTP.Prefix}, nil
}

// checkpointKeys are the named ones, or nil.
func (c Config) checkpointKeys() (note.Verifiers, error) {
	if len(c.CheckpointPublicKeys) == 0 {
		return nil, nil //nolint:nilnil // absent
	}
	return proof.ParseVerifiers(c.CheckpointPublicKeys...)
}

// backends say where the log and the database are and how to reach them.
func (c Config) backends() assembly.Settings {
	at := assembly.Settings{
		Brokers: c.Brokers, TLS: c.TLS, DatabaseURL: c.DatabaseURL, NoSubscriptions: c.NoSubscriptions,
		Logger: c.Logger, Registerer: c.Registerer,
	}
	if c.SASL != nil {
		at.SASL = &eventlog.SASLConfig{
			Mechanism: cmp.Or(c.SASL.Mechanism, eventlog.SASLScramSHA512), User: c.SASL.User, Password: c.SASL.Password,
		}
	}
	return at
}

// DefaultClientScopes are the scopes that a new dashboard starts with.
func DefaultClientScopes() []string { return []string{"analytics", "posts", "reports"} }
