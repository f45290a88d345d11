package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/bearer"
	"github.com/ledgerboard/ledgerboard/api/mount"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// The roles a process may take.
const (
	roleAPI       = "api"
	roleProjector = "projector"
	roleFetcher   = "fetcher"
	roleSigner    = "signer"
)

const envProduction = "production"

// usersUnknownAllowed is the value of LEDGERBOARD_USERS that lets users in whom the directory does not hold.
const usersUnknownAllowed = "unknown_allowed"

// subscriptionsNone is the value of LEDGERBOARD_SUBSCRIPTIONS with which accounts are read without one.
const subscriptionsNone = "none"

// storage says where the log and the database are; empty: embedded in the process, in the data directory.
type storage struct {
	DataDir      string   `name:"data-dir" env:"LEDGERBOARD_DATA_DIR" default:"data" help:"Directory of the embedded broker and database."`
	KafkaBrokers []string `env:"LEDGERBOARD_KAFKA_BROKERS" placeholder:"HOST:PORT,…" help:"Kafka brokers. None: a broker inside this process."`
	kafkaTLS
	KafkaUser   string `env:"LEDGERBOARD_KAFKA_USER" help:"User for SASL."`
	KafkaPass   string `env:"LEDGERBOARD_KAFKA_PASSWORD" name:"kafka-password" placeholder:"SECRET" help:"Password for SASL."`
	KafkaSASL   string `env:"LEDGERBOARD_KAFKA_SASL" enum:"PLAIN,SCRAM-SHA-256,SCRAM-SHA-512" default:"SCRAM-SHA-512" help:"SASL mechanism, when a user is given."`
	DatabaseURL string `env:"LEDGERBOARD_DATABASE_URL" placeholder:"postgres://…" help:"PostgreSQL. None: a server started by this process."`
	// Subscriptions is of all commands that look which accounts are read.
	Subscriptions string `env:"LEDGERBOARD_SUBSCRIPTIONS" enum:"required,none" default:"required" placeholder:"required|none" help:"Whether an account is read and connected only while a subscription of it or of its agency runs (required), or in any case (none)."`
}

type logging struct {
	LogLevel  string `env:"LEDGERBOARD_LOG_LEVEL" enum:"debug,info,warn,error" default:"info" help:"Least severity that is logged."`
	LogFormat string `env:"LEDGERBOARD_LOG_FORMAT" enum:"text,json" default:"text" help:"Form of log lines."`
}

func (l logging) logger(s streams) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(l.LogLevel)) // the enum leaves no other value
	options := &slog.HandlerOptions{Level: level}
	if l.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(s.Err, options))
	}
	return slog.New(slog.NewTextHandler(s.Err, options))
}

type tokens struct {
	JWTSecret   string `env:"LEDGERBOARD_JWT_SECRET" placeholder:"SECRET" help:"HS256 secret of tokens, 32 bytes or more."`
	JWTKeys     string `env:"LEDGERBOARD_JWT_KEYS" placeholder:"FILE|URL" help:"RS256 or ES256 keys of tokens: PEM or JWKS."`
	JWTIssuer   string `env:"LEDGERBOARD_JWT_ISSUER" default:"ledgerboard" help:"Issuer that tokens must name."`
	JWTAudience string `env:"LEDGERBOARD_JWT_AUDIENCE" default:"ledgerboard" help:"Audience that tokens must name."`
}

// The values of LEDGERBOARD_DIRECTORY.
const (
	directoryLocal   = "local"
	directoryMainApp = "main_app"
)

// directorySettings say who makes accounts and users.
type directorySettings struct {
	Directory string `env:"LEDGERBOARD_DIRECTORY" enum:"local,main_app," default:"" placeholder:"local|main_app" help:"Who makes accounts and users: init, agencies and this API (local), or a main application, which tells them (main_app). Required with role api."`
}

// dashboardSettings are the configured values that dashboards begin with.
type dashboardSettings struct {
	ClientDashboardScopes []string `env:"LEDGERBOARD_CLIENT_DASHBOARD_SCOPES" default:"${client_scopes}" help:"Scopes that a new dashboard starts with."`
	ManagedSubscriptions  []string `env:"LEDGERBOARD_MANAGED_SUBSCRIPTIONS" placeholder:"TYPE,…" help:"Product types of managed subscriptions, whose orders make points of contact. Required."`
}

type settings struct {
	storage
	logging
	tokens
	dashboardSettings
	directorySettings
	checkpointing
	fetching
	signingIn

	Env         string   `env:"LEDGERBOARD_ENV" enum:"development,production" default:"development" help:"Kind of environment; production refuses what is only for trying."`
	Roles       []string `env:"LEDGERBOARD_ROLES" default:"api,projector,fetcher,signer" help:"What this process does. Signer signs checkpoints; it alone needs their key."`
	SecretsKey  string   `env:"LEDGERBOARD_SECRETS_KEY" placeholder:"SECRET" help:"Keys that seal platform tokens, each 32 bytes in hex or base64; the first seals, all open. Required with role fetcher, and with role api and a public URL; with role api it lets a main application hand tokens over."`
	Users       string   `env:"LEDGERBOARD_USERS" enum:"known,unknown_allowed" default:"known" help:"Whether users must be in the directory (known), or tokens of others hold too (unknown_allowed)."`
	Withdrawn   string   `env:"LEDGERBOARD_WITHDRAWN" placeholder:"FILE" help:"Subjects whose tokens hold no more, one a line; read again within a second; open streams end within 10."`
	CORSOrigins []string `name:"cors-origins" env:"LEDGERBOARD_CORS_ORIGINS" placeholder:"ORIGIN,…" help:"Origins whose pages may read answers."`
	PublicURL   string   `name:"public-url" env:"LEDGERBOARD_PUBLIC_URL" placeholder:"https://…" help:"Where browsers find this service: the platforms send people back there when they connect an account. None: accounts are not connected here."`
	RateLimit   int      `env:"LEDGERBOARD_RATE_LIMIT" default:"6000" help:"Requests that one user may make in a minute, counted by each process; 0: no bound."`
	// answerHeaders are on every answer; mock mode sets them.
	answerHeaders map[string]string
	// withPictures says that answers name pictures of the simulated platforms, which are served beside them.
	withPictures bool

	// StopWithin is how long a stop may take as a whole: stop_grace_period of compose.yaml is longer. Only tests set another one.
	StopWithin time.Duration `kong:"-"`
}

var scopeForm = regexp.MustCompile(domain.ScopePattern)

type faults []error

func (f *faults) add(err error) {
	if err != nil {
		*f = append(*f, err)
	}
}

// unlessf notes a fault where a setting is not as it must be.
func (f *faults) unlessf(ok bool, format string, args ...any) {
	if !ok {
		*f = append(*f, fmt.Errorf(format, args...))
	}
}

// err names every fault at once; nil without faults.
func (f *faults) err() error {
	if len(*f) == 0 {
		return nil
	}
	slices.SortFunc(*f, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return usageError{fmt.Errorf("the configuration is wrong:\n%w", errors.Join(*f...))}
}

// validate reports every wrong setting at once, the address to listen on included.
func (s settings) validate(addr string) error {
	wrong := slices.Concat(s.storage.validate(), s.fetching.validate(), s.checkpointing.validate())
	if s.has(roleAPI) {
		wrong = append(wrong, s.signingIn.validate(s.PublicURL)...)
	}
	_, _, err := net.SplitHostPort(addr)
	wrong.unlessf(err == nil, "LEDGERBOARD_ADDR %q is not host:port", addr)
	roles := []string{roleAPI, roleProjector, roleFetcher, roleSigner}
	for _, role := range s.Roles {
		wrong.unlessf(slices.Contains(roles, role), "LEDGERBOARD_ROLES names %q; use %s", role, strings.Join(roles, ", "))
	}
	wrong.unlessf(s.CheckpointKey != "" || !slices.Equal(s.Roles, []string{roleSigner}),
		"LEDGERBOARD_CHECKPOINT_KEY is not set: a process that only signs needs it ('ledgerboard keygen' makes one)")
	switch {
	case !s.has(roleAPI): // nobody shows it a token
	case (s.JWTSecret == "") == (s.JWTKeys == ""):
		wrong.add(errors.New("set LEDGERBOARD_JWT_SECRET (32 bytes or more) or LEDGERBOARD_JWT_KEYS, one of them"))
	default:
		_, err := bearer.New(context.Background(), s.jwt())
		wrong.add(named("LEDGERBOARD_JWT_SECRET, LEDGERBOARD_JWT_KEYS", err))
	}
	for _, scope := range s.ClientDashboardScopes {
		wrong.unlessf(scopeForm.MatchString(scope), "LEDGERBOARD_CLIENT_DASHBOARD_SCOPES names %q, which is no scope (%s)", scope, domain.ScopePattern)
	}
	wrong.unlessf(len(s.ManagedSubscriptions) > 0,
		"LEDGERBOARD_MANAGED_SUBSCRIPTIONS is not set: name the product types whose orders make points of contact")
	wrong.unlessf(!s.has(roleAPI) || s.Directory != "", "LEDGERBOARD_DIRECTORY is not set: use %s where agencies add their clients and people here, "+
		"%s where a main application tells them", directoryLocal, directoryMainApp)
	wrong.add(named("LEDGERBOARD_PUBLIC_URL", assembly.CheckPublicURL(s.PublicURL)))
	if s.has(roleFetcher) || s.reaches() {
		_, err := vault.ParseKeys(s.SecretsKey)
		wrong.add(named("LEDGERBOARD_SECRETS_KEY", err))
	}
	_, err = api.OpenWithdrawn(s.Withdrawn, nil)
	wrong.add(named("LEDGERBOARD_WITHDRAWN", err))
	wrong.unlessf(s.RateLimit >= 0, "LEDGERBOARD_RATE_LIMIT is %d; use 0 (no bound) or more", s.RateLimit)
	for _, origin := range s.CORSOrigins {
		wrong.unlessf(isOrigin(origin), "LEDGERBOARD_CORS_ORIGINS names %q; use https://host, https://host:port, http://localhost:* or *", origin)
	}
	production := s.Env == envProduction
	wrong.unlessf(!production || s.DatabaseURL != "", "LEDGERBOARD_DATABASE_URL is not set: production does not run on an embedded database")
	wrong.unlessf(!production || len(s.KafkaBrokers) > 0, "LEDGERBOARD_KAFKA_BROKERS is not set: production does not run on an embedded broker")
	return wrong.err()
}

// validate looks at the form of the addresses, not whether anything answers there.
func (s storage) validate() (wrong faults) {
	for _, broker := range s.KafkaBrokers {
		host, port, err := net.SplitHostPort(broker)
		wrong.unlessf(err == nil && host != "" && port != "", "LEDGERBOARD_KAFKA_BROKERS names %q, which is not host:port", broker)
	}
	wrong.unlessf(s.KafkaUser == "" || s.KafkaPass != "", "LEDGERBOARD_KAFKA_PASSWORD is not set, and LEDGERBOARD_KAFKA_USER is")
	wrong.unlessf(s.KafkaUser != "" || s.KafkaPass == "", "LEDGERBOARD_KAFKA_USER is not set, and LEDGERBOARD_KAFKA_PASSWORD is")
	if s.DatabaseURL != "" {
		wrong.add(named("LEDGERBOARD_DATABASE_URL", pg.CheckURL(s.DatabaseURL))) // pgx takes the password out
	}
	return wrong
}

// isOrigin tells whether a browser could send it: scheme and host, maybe a port, nothing behind; or one
// of the forms with a star.
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

func (s settings) has(role string) bool { return slices.Contains(s.Roles, role) }

// connects tells whether this process lets people connect accounts.
func (s settings) connects() bool { return s.has(roleAPI) && s.PublicURL != "" }

// reaches tells whether this process takes tokens of a main application, and asks platforms about stored ones: it can seal and open them.
func (s settings) reaches() bool { return s.has(roleAPI) && (s.SecretsKey != "" || s.connects()) }

func (s settings) connectConfig() *assembly.ConnectConfig {
	if !s.connects() {
		return nil
	}
	origins := slices.DeleteFunc(slices.Clone(s.CORSOrigins), func(origin string) bool { return strings.Contains(origin, "*") })
	return &assembly.ConnectConfig{PublicURL: s.PublicURL, ReturnOrigins: origins}
}

func (s storage) backends(logger *slog.Logger) assembly.Settings {
	at := assembly.Settings{Brokers: s.KafkaBrokers, DatabaseURL: s.DatabaseURL, Embedded: s.embedded(logger), Logger: logger, TLS: s.loaded}
	at.NoSubscriptions = s.Subscriptions == subscriptionsNone
	if s.KafkaUser != "" {
		at.SASL = &eventlog.SASLConfig{Mechanism: s.KafkaSASL, User: s.KafkaUser, Password: s.KafkaPass}
	}
	return at
}

// embedded keeps, in the data directory, what is not configured.
func (s storage) embedded(logger *slog.Logger) embedded.Directory {
	return embedded.Directory{Path: s.DataDir, Logger: logger}
}

// fewReadConns are enough where no requests are served.
const fewReadConns = 8

// defaults are those of the packages that the settings are for, by the names that the flags have for them.
func defaults() kong.Vars {
	return kong.Vars{
		"addr":            ":6001",
		"client_scopes":   strings.Join(mount.Config{}.WithDefaults().ClientScopes, ","),
		"platforms":       strings.Join(domain.PlatformNames(), ", "),
		"linkedin_scopes": strings.Join(domain.LinkedIn.Facts().Scopes, ","),
	}
}
