package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/bearer"
	"github.com/ledgerboard/ledgerboard/api/mount"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/secret"
	"github.com/ledgerboard/ledgerboard/internal/tracing"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// The roles of a process.
const (
	roleAPI       = "api"
	roleProjector = "projector"
	roleFetcher   = "fetcher"
	roleSigner    = "signer"
)

// Values of settings.
const (
	envProduction       = "production"
	usersUnknownAllowed = "unknown_allowed"
	subscriptionsNone   = "none"
	directoryLocal      = "local"
	directoryMainApp    = "main_app"
)

// storage contains the settings of the log and the database. By default, both are embedded in the
// process and stored in the data directory.
type storage struct {
	DataDir      string   `env:"LEDGERBOARD_DATA_DIR" default:"data" help:"Directory of the embedded broker, the embedded database, what a rebuild sorts outside memory, and the sockets for commands."`
	KafkaBrokers []string `env:"LEDGERBOARD_KAFKA_BROKERS" placeholder:"HOST:PORT,…" help:"Kafka brokers. Default: a broker embedded in this process."`
	kafkaTLS
	KafkaUser   string `env:"LEDGERBOARD_KAFKA_USER" help:"SASL user."`
	KafkaPass   string `env:"LEDGERBOARD_KAFKA_PASSWORD" name:"kafka-password" placeholder:"SECRET" help:"SASL password."`
	KafkaSASL   string `env:"LEDGERBOARD_KAFKA_SASL" enum:"PLAIN,SCRAM-SHA-256,SCRAM-SHA-512" default:"SCRAM-SHA-512" help:"SASL mechanism, if a user is set."`
	TopicPrefix string `env:"LEDGERBOARD_TOPIC_PREFIX" placeholder:"NAME-" help:"Prefix of the names of topics and consumer groups, if several installations use the same Kafka."`
	DatabaseURL string `env:"LEDGERBOARD_DATABASE_URL" placeholder:"postgres://…" help:"PostgreSQL connection URL. Default: a server started by this process."`
	// Subscriptions applies to all commands that check which accounts are read.
	Subscriptions string `env:"LEDGERBOARD_SUBSCRIPTIONS" enum:"required,none" default:"required" placeholder:"required|none" help:"Whether an account is read and connected only while it or its agency has an active subscription (required), or always (none)."`
}

type logging struct {
	LogLevel  string `env:"LEDGERBOARD_LOG_LEVEL" enum:"debug,info,warn,error" default:"info" help:"Minimum level of log messages."`
	LogFormat string `env:"LEDGERBOARD_LOG_FORMAT" enum:"text,json" default:"text" help:"Format of log messages."`
}

func (l logging) logger(s streams) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(l.LogLevel)) // the enum permits no invalid level
	options := &slog.HandlerOptions{Level: level}
	if l.LogFormat == "json" {
		return slog.New(tracing.LogHandler(slog.NewJSONHandler(s.Err, options)))
	}
	return slog.New(tracing.LogHandler(slog.NewTextHandler(s.Err, options)))
}

type tokens struct {
	JWTSecret   string `env:"LEDGERBOARD_JWT_SECRET" placeholder:"SECRET" help:"HS256 secret that signs and verifies tokens, at least 32 bytes."`
	JWTKeys     string `env:"LEDGERBOARD_JWT_KEYS" placeholder:"FILE|URL" help:"RS256 or ES256 public keys that verify tokens: PEM or JWKS."`
	JWTIssuer   string `env:"LEDGERBOARD_JWT_ISSUER" default:"ledgerboard" help:"Required issuer of tokens."`
	JWTAudience string `env:"LEDGERBOARD_JWT_AUDIENCE" default:"ledgerboard" help:"Required audience of tokens."`
}

type directorySettings struct {
	Directory string `env:"LEDGERBOARD_DIRECTORY" enum:"local,main_app," default:"" placeholder:"local|main_app" help:"Where accounts and users are managed: here, with init and the API (local), or in a main application that sends them (main_app). Required with role api."`
}

type dashboardSettings struct {
	ClientDashboardScopes []string `env:"LEDGERBOARD_CLIENT_DASHBOARD_SCOPES" default:"${client_scopes}" help:"Scopes of a new dashboard."`
	ManagedSubscriptions  []string `env:"LEDGERBOARD_MANAGED_SUBSCRIPTIONS" placeholder:"TYPE,…" help:"Product types of managed subscriptions. Their orders define the points of contact. Required."`
}

type settings struct {
	installation
	tokens
	dashboardSettings
	directorySettings
	checkpointSettings
	fetchSettings
	signInSettings

	Env         string   `env:"LEDGERBOARD_ENV" enum:"development,production" default:"development" help:"Kind of environment; production refuses settings that are only for testing."`
	Roles       []string `env:"LEDGERBOARD_ROLES" default:"api,projector,fetcher,signer" help:"Roles of this process. The signer signs checkpoints; only it needs the signing key."`
	SecretsKey  string   `env:"LEDGERBOARD_SECRETS_KEY" placeholder:"SECRET" help:"Keys that encrypt platform tokens, each 32 bytes in hex or base64. The first key encrypts; all keys decrypt. Required with role fetcher, and with role api if a public URL is set. With role api, the keys let a main application send tokens."`
	Users       string   `env:"LEDGERBOARD_USERS" enum:"known,unknown_allowed" default:"known" help:"Whether only tokens of users in the directory are accepted (known), or also tokens of other users (unknown_allowed)."`
	Withdrawn   string   `env:"LEDGERBOARD_WITHDRAWN" placeholder:"FILE" help:"File of people without access, one per line: a subject of tokens, an issuer and a subject of the identity provider, separated by a space, or an email address. Changes take effect within 10 s, also for sessions and streams. The log names lines that match no one who is known."`
	CORSOrigins []string `env:"LEDGERBOARD_CORS_ORIGINS" placeholder:"ORIGIN,…" help:"Origins whose pages may read responses of this service."`
	PublicURL   string   `env:"LEDGERBOARD_PUBLIC_URL" placeholder:"https://…" help:"Public URL of this service, to which platforms redirect people. Without it, accounts cannot be connected here."`
	AdminAddr   string   `env:"LEDGERBOARD_ADMIN_ADDR" placeholder:"HOST:PORT" help:"Address of a separate listener for /metrics, /healthz, /readyz and /debug/pprof. By default, the main listener serves them, except pprof."`
	RateLimit   int      `env:"LEDGERBOARD_RATE_LIMIT" default:"6000" help:"Maximum number of requests per user per minute, counted by each process; 0: no limit."`
	// answerHeaders are set on every response in mock mode.
	answerHeaders map[string]string
	// withPictures means that responses contain addresses of pictures of the simulated platforms,
	// and that this process serves these pictures.
	withPictures bool

	// front listens while the process starts; nil: the process listens when it is open.
	front *front

	// StopWithin limits the duration of a shutdown; stop_grace_period in compose.yaml must be
	// longer than the default. Only tests set it.
	StopWithin time.Duration `kong:"-"`
}

var topicPrefixForm = regexp.MustCompile(`^[a-zA-Z0-9._-]{0,200}$`)

var scopeForm = regexp.MustCompile(domain.ScopePattern)

type faults []error

func (f *faults) add(err error) {
	if err != nil {
		*f = append(*f, err)
	}
}

func (f *faults) unlessf(ok bool, format string, args ...any) {
	if !ok {
		*f = append(*f, fmt.Errorf(format, args...))
	}
}

func (f *faults) err() error {
	if len(*f) == 0 {
		return nil
	}
	slices.SortFunc(*f, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return usageError{fmt.Errorf("the configuration is invalid:\n%w", errors.Join(*f...))}
}

// validate reports every invalid setting at once, including the address to listen on.
func (s settings) validate(addr string) error {
	wrong := slices.Concat(s.storage.validate(), s.checkpointSettings.validate())
	if s.has(roleAPI) || s.has(roleFetcher) { // other roles do not have the secrets of the apps
		wrong = append(wrong, s.fetchSettings.validate()...)
	}
	if s.has(roleAPI) {
		wrong = append(wrong, s.signInSettings.validate(s.PublicURL)...)
	}
	_, _, err := net.SplitHostPort(addr)
	wrong.unlessf(err == nil, "LEDGERBOARD_ADDR %q is not host:port", addr)
	roles := []string{roleAPI, roleProjector, roleFetcher, roleSigner}
	for _, role := range s.Roles {
		wrong.unlessf(slices.Contains(roles, role),
			"LEDGERBOARD_ROLES names %q; use %s", role, strings.Join(roles, ", "))
	}
	wrong.unlessf(s.CheckpointKey != "" || !slices.Equal(s.Roles, []string{roleSigner}),
		"LEDGERBOARD_CHECKPOINT_KEY is not set: a process with only the role signer needs a key "+
			"('ledgerboard keygen' generates one)")
	switch {
	case !s.has(roleAPI): // the process checks no tokens
	case (s.JWTSecret == "") == (s.JWTKeys == ""):
		wrong.add(errors.New("set either LEDGERBOARD_JWT_SECRET (at least 32 bytes) or LEDGERBOARD_JWT_KEYS"))
	default:
		_, err := bearer.New(context.Background(), s.jwt())
		wrong.add(wrapError("LEDGERBOARD_JWT_SECRET, LEDGERBOARD_JWT_KEYS", err))
	}
	for _, scope := range s.ClientDashboardScopes {
		wrong.unlessf(scopeForm.MatchString(scope),
			"LEDGERBOARD_CLIENT_DASHBOARD_SCOPES names %q, which is not a scope (%s)", scope, domain.ScopePattern)
	}
	wrong.unlessf(len(s.ManagedSubscriptions) > 0,
		"LEDGERBOARD_MANAGED_SUBSCRIPTIONS is not set: set the product types whose orders define points of contact")
	wrong.unlessf(!s.has(roleAPI) || s.Directory != "",
		"LEDGERBOARD_DIRECTORY is not set: use %s if agencies add their clients and users here, "+
			"or %s if a main application sends them", directoryLocal, directoryMainApp)
	wrong.add(wrapError("LEDGERBOARD_PUBLIC_URL", checkPublicURL(s.PublicURL)))
	if s.has(roleFetcher) || s.usesTokens() {
		_, err := vault.OpenKeyring(s.SecretsKey, nil)
		wrong.add(wrapError("LEDGERBOARD_SECRETS_KEY", err))
	}
	_, err = api.OpenWithdrawnSubjects(s.Withdrawn, nil)
	wrong.add(wrapError("LEDGERBOARD_WITHDRAWN", err))
	wrong.unlessf(s.RateLimit >= 0, "LEDGERBOARD_RATE_LIMIT is %d; use 0 (no limit) or more", s.RateLimit)
	for _, origin := range s.CORSOrigins {
		wrong.unlessf(isOrigin(origin),
			"LEDGERBOARD_CORS_ORIGINS names %q; use https://host, https://host:port, http://localhost:* or *", origin)
	}
	if s.Env == envProduction {
		wrong.unlessf(s.DatabaseURL != "",
			"LEDGERBOARD_DATABASE_URL is not set: production does not run on an embedded database")
		wrong.unlessf(len(s.KafkaBrokers) > 0,
			"LEDGERBOARD_KAFKA_BROKERS is not set: production does not run on an embedded broker")
	}
	return wrong.err()
}

// validate checks the syntax of the addresses; it does not connect to them.
func (s storage) validate() (wrong faults) {
	for _, broker := range s.KafkaBrokers {
		host, port, err := net.SplitHostPort(broker)
		wrong.unlessf(err == nil && host != "" && port != "",
			"LEDGERBOARD_KAFKA_BROKERS names %q, which is not host:port", broker)
	}
	wrong.unlessf(s.KafkaUser == "" || s.KafkaPass != "",
		"LEDGERBOARD_KAFKA_USER is set, but LEDGERBOARD_KAFKA_PASSWORD is not")
	wrong.unlessf(s.KafkaUser != "" || s.KafkaPass == "",
		"LEDGERBOARD_KAFKA_PASSWORD is set, but LEDGERBOARD_KAFKA_USER is not")
	_, err := s.kafkaPassword()
	wrong.add(wrapError("LEDGERBOARD_KAFKA_PASSWORD", err))
	wrong.unlessf(topicPrefixForm.MatchString(s.TopicPrefix),
		"LEDGERBOARD_TOPIC_PREFIX is %q; use up to 200 letters, digits, '.', '_' and '-'", s.TopicPrefix)
	if s.DatabaseURL != "" {
		// The error contains no password: pgx removes it.
		wrong.add(wrapError("LEDGERBOARD_DATABASE_URL", pg.CheckURL(s.DatabaseURL)))
	}
	return wrong
}

func isOrigin(origin string) bool {
	if origin == "*" {
		return true
	}
	origin = strings.TrimSuffix(origin, ":*")
	u, err := url.Parse(origin)
	return err == nil && u.Scheme != "" && u.Host != "" && u.Scheme+"://"+u.Host == origin
}

func (t tokens) jwt() bearer.Config {
	return bearer.Config{Secret: t.JWTSecret, Keys: t.JWTKeys, Issuer: t.JWTIssuer, Audience: t.JWTAudience}
}

// socketDir is where processes with the role api listen for commands.
func socketDir(dataDir string) string { return filepath.Join(dataDir, "run") }

func (s settings) has(role string) bool { return slices.Contains(s.Roles, role) }

// checkPublicURL refuses a path: this service answers at the root of its host. Below a path, a main
// application serves it (package mount).
func checkPublicURL(base string) error {
	if u, err := url.Parse(base); err == nil && strings.Trim(u.Path, "/") != "" {
		return fmt.Errorf("%q has a path: the console and sign-ins need a host of their own; "+
			"set https://host, and see \"Behind a proxy\" in docs/operators.md", base)
	}
	return app.CheckPublicURL(base)
}

func (s settings) connects() bool { return s.has(roleAPI) && s.PublicURL != "" }

// usesTokens reports whether the role api of this process encrypts and decrypts platform tokens.
func (s settings) usesTokens() bool { return s.has(roleAPI) && (s.SecretsKey != "" || s.connects()) }

func (s settings) connectConfig() *app.ConnectConfig {
	if !s.connects() {
		return nil
	}
	origins := slices.DeleteFunc(slices.Clone(s.CORSOrigins), func(origin string) bool {
		return strings.Contains(origin, "*")
	})
	return &app.ConnectConfig{PublicURL: s.PublicURL, ReturnOrigins: origins}
}

func (s storage) backends(logger *slog.Logger) app.Settings {
	config := app.Settings{
		Brokers: s.KafkaBrokers, TLS: s.connect, TopicPrefix: s.TopicPrefix, DatabaseURL: s.DatabaseURL, Embedded: s.embedded(logger),
		SortDir: s.DataDir, Logger: logger, NoSubscriptions: s.Subscriptions == subscriptionsNone,
	}
	if s.KafkaUser != "" {
		config.SASL = &eventlog.SASLConfig{Mechanism: s.KafkaSASL, User: s.KafkaUser, Password: s.kafkaPassword}
	}
	return config
}

// kafkaPassword reads the password again: it may have been changed in its file.
func (s storage) kafkaPassword() (string, error) { return secret.Read(s.KafkaPass) }

func (s storage) embedded(logger *slog.Logger) embedded.Directory {
	return embedded.Directory{Path: s.DataDir, Logger: logger}
}

// defaults returns the variables in flag tags whose values come from other packages.
func defaults() kong.Vars {
	vars := kong.Vars{
		"graph_version": platforms.GraphVersion, "linkedin_version": platforms.LinkedInVersion,
		"addr":          ":6001",
		"client_scopes": strings.Join(mount.Config{}.WithDefaults().ClientScopes, ","),
		"platforms":     strings.Join(domain.PlatformNames(), ", "),
	}
	for _, p := range domain.Platforms() {
		vars[p.String()+"_scopes"] = strings.Join(p.Facts().Scopes, ",")
	}
	return vars
}
