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
	"github.com/ledgerboard/ledgerboard/internal/app"
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

// Config configures [Open]. If the program's processes have a corresponding setting, both must have
// the same value.
type Config struct {
	Brokers     []string    // Kafka brokers, host:port; required
	TLS         *tls.Config // nil means plaintext; with GetClientCertificate, certificates can be renewed
	SASL        *SASL       // nil means no authentication with the brokers
	TopicPrefix string      // prefix of the service's topics and consumer groups
	DatabaseURL string      // PostgreSQL, postgres://…; required

	// Authenticator authenticates requests for which no middleware has set a caller with
	// [api.WithPrincipal]. Required; [api.AuthenticatorFunc] adapts a function.
	Authenticator api.Authenticator
	// UnknownUsers admits users that are not in the directory, unless they were erased. Otherwise,
	// every user except auditors and operators must be in the directory.
	UnknownUsers bool
	// WithdrawnFile is the path of a file of people without access, one per line: a subject, an
	// email address, or a name that the Authenticator sets in [api.Principal].KnownAs. Changes take
	// effect within 10 seconds, also for open streams. An empty path means no such file.
	WithdrawnFile string
	// HTTP contains the prefix, the CORS origins, the rate limit, and whether the analytics are
	// served at the root of the prefix in addition to /auth.
	HTTP api.Config

	// ManagedSubscriptions are the product types whose orders create points of contact; required.
	ManagedSubscriptions []string
	// NoSubscriptions corresponds to LEDGERBOARD_SUBSCRIPTIONS=none: accounts are read without a
	// subscription.
	NoSubscriptions bool
	ClientScopes    []string // scopes of a new dashboard; default analytics, posts, reports

	// Connect enables connecting pages and profiles. If it is nil, there are no such routes.
	Connect *Connect

	// ConsoleSignIn enables the console, at /console under the prefix, for people whom the main
	// application has signed in. It is the URL (https://…, or a path of the main application) to
	// which people who are not signed in are redirected, with the path of the requested page in the
	// parameter "to". If it is empty, there is no console.
	ConsoleSignIn string

	// CheckpointPublicKeys are the public keys of the service's checkpoints, in the format that
	// 'ledgerboard keygen' prints, including earlier keys. They are used for the proofs of
	// auditors. If the list is empty, bundles, checkpoints and proofs return 503.
	CheckpointPublicKeys []string

	// Compress compresses responses here. By default that is left to the application's middleware:
	// some middleware encodes a compressed response a second time.
	Compress bool

	Logger     *slog.Logger          // default slog.Default()
	Registerer prometheus.Registerer // nil means no metrics
}

// WithDefaults returns a copy of c in which zero values are replaced with defaults.
func (c Config) WithDefaults() Config {
	if c.ClientScopes == nil {
		c.ClientScopes = []string{"analytics", "posts", "reports"}
	}
	c.Logger = cmp.Or(c.Logger, slog.Default())
	if c.Registerer == nil {
		c.Registerer = prometheus.NewRegistry() // discarded
	}
	return c
}

// Validate returns all errors in c, joined. A zero value that has a default is valid.
func (c Config) Validate() error {
	c = c.WithDefaults()
	var errs []error
	unless := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("mount: Config."+format, args...))
		}
	}
	unless(len(c.Brokers) > 0, "Brokers is empty; set the brokers of the service as host:port")
	for _, broker := range c.Brokers {
		host, port, err := net.SplitHostPort(broker)
		unless(err == nil && host != "" && port != "", "Brokers contains %q, which is not host:port", broker)
	}
	unless(c.DatabaseURL != "", "DatabaseURL is empty; set the database of the service")
	unless(c.Authenticator != nil, "Authenticator is not set; it authenticates callers")
	unless(len(c.ManagedSubscriptions) > 0, "ManagedSubscriptions is empty; set the product types whose orders create points of contact")
	for _, scope := range c.ClientScopes {
		unless(
			scopeForm.MatchString(scope), "ClientScopes contains %q, which is not a scope (%s)", scope,
			domain.ScopePattern,
		)
	}
	_, err := c.application()
	unless(err == nil, "ConsoleSignIn %s", err)
	_, err = proof.ParseVerifiers(c.CheckpointPublicKeys...)
	unless(err == nil, "CheckpointPublicKeys: %s", err)
	return errors.Join(append(errs, c.HTTP.Validate(), c.Connect.validate())...)
}

func (c Config) application() (*console.Application, error) {
	if c.ConsoleSignIn == "" {
		return nil, nil //nolint:nilnil // absent
	}
	u, err := url.Parse(c.ConsoleSignIn)
	isWeb := err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
	if isPath := err == nil && u.Scheme == "" && u.Host == "" && strings.HasPrefix(u.Path, "/"); !isWeb && !isPath {
		return nil, fmt.Errorf("is %q; use https://… or a path that starts with a slash", c.ConsoleSignIn)
	}
	return &console.Application{Callers: c.Authenticator, SignIn: u, Prefix: c.HTTP.Prefix}, nil
}

func (c Config) checkpointKeys() (note.Verifiers, error) {
	if len(c.CheckpointPublicKeys) == 0 {
		return nil, nil //nolint:nilnil // absent
	}
	return proof.ParseVerifiers(c.CheckpointPublicKeys...)
}

func (c Config) backends() app.Settings {
	settings := app.Settings{
		Brokers: c.Brokers, TopicPrefix: c.TopicPrefix, DatabaseURL: c.DatabaseURL, NoSubscriptions: c.NoSubscriptions,
		Logger: c.Logger, Registerer: c.Registerer,
	}
	if c.TLS != nil {
		settings.TLS = func() (*tls.Config, error) { return c.TLS, nil }
	}
	if c.SASL != nil {
		settings.SASL = &eventlog.SASLConfig{
			Mechanism: cmp.Or(c.SASL.Mechanism, eventlog.SASLScramSHA512), User: c.SASL.User,
			Password: func() (string, error) { return c.SASL.Password, nil },
		}
	}
	return settings
}
