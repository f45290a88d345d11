package app

import (
	"cmp"
	"crypto/tls"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pictures"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/signin"
)

// Config configures a process. The program fills it from flags, environment and file, which the tags
// name (package kong reads them). A main application that mounts the service fills it in code; its
// values must be those of the program's processes. Each setting is declared here and nowhere else.
type Config struct {
	Storage
	Tokens
	Dashboards
	People
	Checkpoints
	Platforms
	SignIn

	Env        string   `env:"LEDGERBOARD_ENV" enum:"development,production" default:"development" help:"Kind of environment; production refuses settings that are only for testing."`
	Roles      []string `env:"LEDGERBOARD_ROLES" default:"api,projector,fetcher,signer" help:"Roles of this process. The signer signs checkpoints; only it needs the signing key."`
	SecretsKey string   `env:"LEDGERBOARD_SECRETS_KEY" placeholder:"SECRET" help:"Keys that encrypt platform tokens, each 32 bytes in hex or base64. The first key encrypts; all keys decrypt. Required with role fetcher, and with role api if a public URL is set. With role api, the keys let a main application send tokens."`
	Users      string   `env:"LEDGERBOARD_USERS" enum:"known,unknown_allowed" default:"known" help:"Whether only tokens of users in the directory are accepted (known), or also tokens of other users (unknown_allowed)."`
	Withdrawn  string   `env:"LEDGERBOARD_WITHDRAWN" placeholder:"FILE" help:"File of people without access, one per line: a subject of tokens, an issuer and a subject of the identity provider, separated by a space, or an email address. Changes take effect within 10 s, also for sessions and streams. The log names lines that match no one who is known."`
	// HTTP has the origins and the limit of requests, and what only a main application or a demo sets.
	HTTP      api.Config `embed:""`
	PublicURL string     `env:"LEDGERBOARD_PUBLIC_URL" placeholder:"https://…" help:"Public URL of this service, to which platforms redirect people. Without it, accounts cannot be connected here."`

	// What follows no variable can contain.

	// Embedded starts a broker and a database that are not configured. Nil means that a main
	// application mounts the service: it has its own servers, and authenticates callers.
	Embedded Embedded `kong:"-"`
	// Authenticator authenticates requests for which no middleware has set a caller with
	// [api.WithPrincipal]; [api.AuthenticatorFunc] adapts a function. Required in a main application,
	// instead of keys for tokens.
	Authenticator api.Authenticator `kong:"-"`
	// ConsoleSignIn enables the console, at /console under the prefix, for people whom the main
	// application has signed in. It is the URL (https://…, or a path of the main application) to
	// which people who are not signed in are redirected, with the path of the requested page in the
	// parameter "to". If it is empty, a main application has no console.
	ConsoleSignIn string `kong:"-"`
	// Compress compresses responses in a main application. By default that is left to its middleware:
	// some middleware encodes a compressed response a second time.
	Compress bool `kong:"-"`

	// Existing is true if the process must not create missing topics: opening the log then returns
	// [eventlog.ErrNoTopic].
	Existing bool `kong:"-"`
	// AnyOwner is true if the process only reads the log, which may be that of any installation.
	AnyOwner bool `kong:"-"`
	// Waits gets the reason for which the process waits while it opens its parts, and "" when it
	// continues; nil: reasons are only logged.
	Waits func(reason string) `kong:"-"`
	// DrainTimeout limits how long a stopping process waits for readings; 0: the default.
	DrainTimeout time.Duration `kong:"-"`

	// Seeded means that the history of accounts is already in the log, as in a demo, and must not be
	// read from the platforms.
	Seeded   bool            `kong:"-"`
	Pictures pictures.Config `kong:"-"` // where pictures of posts may be loaded from
	Demo     []signin.Person `kong:"-"` // users as whom a browser can sign in without credentials

	Logger     *slog.Logger          `kong:"-"` // nil: nothing is logged
	Registerer prometheus.Registerer `kong:"-"` // nil: metrics are collected but not exported
}

// The roles of a process.
const (
	RoleAPI       = "api"
	RoleProjector = "projector"
	RoleFetcher   = "fetcher"
	RoleSigner    = "signer"
)

// Values of settings.
const (
	EnvProduction       = "production"
	UsersUnknownAllowed = "unknown_allowed"
	SubscriptionsNone   = "none"
	DirectoryLocal      = "local"
	DirectoryMainApp    = "main_app"
)

// Storage is where the log and the tables are. By default, both are embedded in the process and
// stored in the data directory.
type Storage struct {
	DataDir       string   `env:"LEDGERBOARD_DATA_DIR" default:"data" help:"Directory of the embedded broker, the embedded database, what a rebuild sorts outside memory, and the sockets for commands."`
	KafkaBrokers  []string `env:"LEDGERBOARD_KAFKA_BROKERS" placeholder:"HOST:PORT,…" help:"Kafka brokers. Default: a broker embedded in this process."`
	KafkaTLS      bool     `env:"LEDGERBOARD_KAFKA_TLS" help:"Connect to Kafka over TLS."`
	KafkaCA       string   `env:"LEDGERBOARD_KAFKA_CA" placeholder:"FILE" help:"Certificates (PEM) of the authorities that sign broker certificates. Default: the authorities that this machine trusts."`
	KafkaCert     string   `env:"LEDGERBOARD_KAFKA_CERT" placeholder:"FILE" help:"Client certificate (PEM), if brokers require one."`
	KafkaKey      string   `env:"LEDGERBOARD_KAFKA_KEY" placeholder:"FILE" help:"Key of the client certificate (PEM). Default: the file of the certificate."`
	KafkaUser     string   `env:"LEDGERBOARD_KAFKA_USER" help:"SASL user."`
	KafkaPassword string   `env:"LEDGERBOARD_KAFKA_PASSWORD" placeholder:"SECRET" help:"SASL password."`
	KafkaSASL     string   `env:"LEDGERBOARD_KAFKA_SASL" enum:"PLAIN,SCRAM-SHA-256,SCRAM-SHA-512" default:"SCRAM-SHA-512" help:"SASL mechanism, if a user is set."`
	TopicPrefix   string   `env:"LEDGERBOARD_TOPIC_PREFIX" placeholder:"NAME-" help:"Prefix of the names of topics and consumer groups, if several installations use the same Kafka."`
	DatabaseURL   string   `env:"LEDGERBOARD_DATABASE_URL" placeholder:"postgres://…" help:"PostgreSQL connection URL. Default: a server started by this process."`
	// Subscriptions applies to all commands that check which accounts are read.
	Subscriptions string `env:"LEDGERBOARD_SUBSCRIPTIONS" enum:"required,none" default:"required" placeholder:"required|none" help:"Whether an account is read and connected only while it or its agency has an active subscription (required), or always (none)."`

	// TLS replaces the settings LEDGERBOARD_KAFKA_TLS, _CA, _CERT and _KEY; with GetClientCertificate,
	// certificates can be renewed.
	TLS *tls.Config `kong:"-"`
}

// Tokens are the keys and claims of tokens.
type Tokens struct {
	JWTSecret   string `env:"LEDGERBOARD_JWT_SECRET" placeholder:"SECRET" help:"HS256 secret that signs and verifies tokens, at least 32 bytes."`
	JWTKeys     string `env:"LEDGERBOARD_JWT_KEYS" placeholder:"FILE|URL" help:"RS256 or ES256 public keys that verify tokens: PEM or JWKS."`
	JWTIssuer   string `env:"LEDGERBOARD_JWT_ISSUER" default:"ledgerboard" help:"Required issuer of tokens."`
	JWTAudience string `env:"LEDGERBOARD_JWT_AUDIENCE" default:"ledgerboard" help:"Required audience of tokens."`
}

// Dashboards are the settings of dashboards.
type Dashboards struct {
	ClientDashboardScopes []string `env:"LEDGERBOARD_CLIENT_DASHBOARD_SCOPES" default:"${client_scopes}" help:"Scopes of a new dashboard."`
	ManagedSubscriptions  []string `env:"LEDGERBOARD_MANAGED_SUBSCRIPTIONS" placeholder:"TYPE,…" help:"Product types of managed subscriptions. Their orders define the points of contact. Required."`
}

// People is where people are managed.
type People struct {
	Directory string `env:"LEDGERBOARD_DIRECTORY" enum:"local,main_app," default:"" placeholder:"local|main_app" help:"Where accounts and users are managed: here, with init and the API (local), or in a main application that sends them (main_app). Required with role api."`
}

// Checkpoints are the settings of signed checkpoints.
type Checkpoints struct {
	// CheckpointEvery is the interval between checkpoints. If there are new records, a checkpoint
	// is also signed at startup and during a graceful shutdown. The demo uses a shorter interval.
	CheckpointEvery time.Duration `default:"1h" hidden:""`

	CheckpointKey        string   `env:"LEDGERBOARD_CHECKPOINT_KEY" placeholder:"SECRET" help:"Private key that signs checkpoints of the history; 'ledgerboard keygen' generates one. Without it, no checkpoints are signed."`
	CheckpointPublicKeys []string `env:"LEDGERBOARD_CHECKPOINT_PUBLIC_KEYS" placeholder:"KEY|FILE,…" help:"Public keys that verify earlier checkpoints, or files that contain such keys."`
}

// Platforms are the settings of the platforms, their apps and quotas.
type Platforms struct {
	AccountInsightsInterval time.Duration `env:"LEDGERBOARD_ACCOUNT_INSIGHTS_INTERVAL" default:"30s" help:"Interval between two readings of an account, if the quota permits."`
	PostInsightsInterval    time.Duration `env:"LEDGERBOARD_POST_INSIGHTS_INTERVAL" default:"12h" help:"Interval between two readings of an account's posts, if the quota permits."`
	GrowthWindow            time.Duration `env:"LEDGERBOARD_GROWTH_WINDOW" default:"168h" help:"Count a post's growth until it reaches this age."`
	Quotas                  []string      `env:"LEDGERBOARD_QUOTAS" placeholder:"PLATFORM:SCOPE:CALLS/WINDOW,…" help:"Quotas of the platforms (scope app, operation or account). The defaults: facebook:account:48000/24h, instagram:account:48000/24h, linkedin:app:500/24h, linkedin:account:100/24h (for an app in development; an approved app has more), tiktok:operation:600/1m. PLATFORM:none means no limit."`
	PlatformsURL            string        `env:"LEDGERBOARD_PLATFORMS_URL" placeholder:"http://…" help:"Base URL of simulated platforms, each under its name (/facebook, /instagram, /linkedin, /tiktok). Default: the real platforms. Not for demo and serve --mock, which simulate them."`
	GraphVersion            string        `env:"LEDGERBOARD_GRAPH_VERSION" default:"${graph_version}" help:"Version of the Graph API for Facebook and Instagram."`
	LinkedInVersion         string        `name:"linkedin-version" env:"LEDGERBOARD_LINKEDIN_VERSION" default:"${linkedin_version}" help:"Version of the LinkedIn API, YYYYMM. LinkedIn refuses a version about a year after its month."`
	FacebookAppID           string        `env:"LEDGERBOARD_FACEBOOK_APP_ID" help:"ID of the Facebook app."`
	FacebookConfigID        string        `env:"LEDGERBOARD_FACEBOOK_CONFIG_ID" help:"ID of the Facebook Login for Business configuration, which defines the requested permissions. Default: plain Facebook Login."`
	FacebookScopes          []string      `env:"LEDGERBOARD_FACEBOOK_SCOPES" default:"${facebook_scopes}" help:"Scopes that a sign-in requests. Remove those for which your app is not approved."`
	FacebookAppSecret       string        `type:"secret" env:"LEDGERBOARD_FACEBOOK_APP_SECRET" placeholder:"SECRET" help:"Secret of the Facebook app. It also signs API calls (appsecret_proof)."`
	InstagramAppID          string        `env:"LEDGERBOARD_INSTAGRAM_APP_ID" help:"App ID of Instagram login."`
	InstagramScopes         []string      `env:"LEDGERBOARD_INSTAGRAM_SCOPES" default:"${instagram_scopes}" help:"Like LEDGERBOARD_FACEBOOK_SCOPES."`
	InstagramAppSecret      string        `type:"secret" env:"LEDGERBOARD_INSTAGRAM_APP_SECRET" placeholder:"SECRET" help:"App secret of Instagram login."`
	LinkedInScopes          []string      `name:"linkedin-scopes" env:"LEDGERBOARD_LINKEDIN_SCOPES" default:"${linkedin_scopes}" help:"All scopes of the LinkedIn app. A different set invalidates existing tokens; a scope that the app does not have makes every sign-in fail."`
	LinkedInClientID        string        `name:"linkedin-client-id" env:"LEDGERBOARD_LINKEDIN_CLIENT_ID" help:"Client ID of the LinkedIn app."`
	LinkedInClientSecret    string        `name:"linkedin-client-secret" type:"secret" env:"LEDGERBOARD_LINKEDIN_CLIENT_SECRET" placeholder:"SECRET" help:"Client secret of the LinkedIn app."`
	TikTokClientKey         string        `name:"tiktok-client-key" env:"LEDGERBOARD_TIKTOK_CLIENT_KEY" help:"Client key of the TikTok app."`
	TikTokScopes            []string      `name:"tiktok-scopes" env:"LEDGERBOARD_TIKTOK_SCOPES" default:"${tiktok_scopes}" help:"Like LEDGERBOARD_FACEBOOK_SCOPES."`
	TikTokClientSecret      string        `name:"tiktok-client-secret" type:"secret" env:"LEDGERBOARD_TIKTOK_CLIENT_SECRET" placeholder:"SECRET" help:"Client secret of the TikTok app."`
}

// SignIn configures how people sign in to the console with an identity provider.
type SignIn struct {
	OIDCIssuer       string   `env:"LEDGERBOARD_OIDC_ISSUER" placeholder:"https://…" help:"Issuer of the identity provider (OpenID Connect) for the console. If set, sign-in links are disabled. Default: no provider."`
	OIDCClientID     string   `env:"LEDGERBOARD_OIDC_CLIENT_ID" help:"Client ID of this service at the identity provider."`
	OIDCClientSecret string   `type:"secret" env:"LEDGERBOARD_OIDC_CLIENT_SECRET" placeholder:"SECRET" help:"Client secret at the identity provider."`
	OIDCTrustEmail   bool     `env:"LEDGERBOARD_OIDC_TRUST_EMAIL" help:"Treat all email addresses of the provider as verified. Only for your organization's own provider, such as Entra ID, authentik or Keycloak."`
	OIDCStaff        []string `env:"LEDGERBOARD_OIDC_STAFF" placeholder:"ROLE:WHO,…" help:"Who is an operator or auditor: operator:WHO, auditor:AGENCY:WHO. WHO is a subject of the provider or an email address that it has verified."`
}

// Has reports whether the process has a role.
func (c Config) Has(role string) bool { return slices.Contains(c.Roles, role) }

// Connects reports whether people connect accounts at this process in a browser.
func (c Config) Connects() bool { return c.Has(RoleAPI) && c.PublicURL != "" }

// usesTokens reports whether this process encrypts and decrypts platform tokens.
func (c Config) usesTokens() bool {
	return c.Has(RoleFetcher) || c.Has(RoleAPI) && (c.SecretsKey != "" || c.Connects())
}

func (c Config) hasDatabase() bool {
	return c.DatabaseURL != "" || c.Embedded != nil && c.Embedded.HasPostgres()
}

// mounted reports whether a main application mounts the service.
func (c Config) mounted() bool { return c.Embedded == nil }

// returnOrigins are the origins that a result page may link to.
func (c Config) returnOrigins() []string {
	return slices.DeleteFunc(slices.Clone(c.HTTP.CORSOrigins), func(origin string) bool { return strings.Contains(origin, "*") })
}

// setting returns how errors name a setting, which is a path of fields: to a main application so, to
// everybody else by its variable.
func (c Config) setting(path string) string {
	field := reflect.StructField{Type: reflect.TypeFor[Config]()}
	for name := range strings.SplitSeq(path, ".") {
		field, _ = field.Type.FieldByName(name)
	}
	if variable := field.Tag.Get("env"); variable != "" && !c.mounted() {
		return variable
	}
	return "mount: Config." + path
}

// DefaultClientScopes are the scopes of a new dashboard.
func DefaultClientScopes() []string { return []string{"analytics", "posts", "reports"} }

// withDefaults returns a copy of c in which zero values are replaced with the defaults of the tags, which
// nothing applies to what is filled in code. Zero values that are valid stay.
func (c Config) withDefaults() Config {
	if c.ClientDashboardScopes == nil {
		c.ClientDashboardScopes = DefaultClientScopes()
	}
	c.KafkaSASL = cmp.Or(c.KafkaSASL, eventlog.SASLScramSHA512)
	c.GraphVersion, c.LinkedInVersion = cmp.Or(c.GraphVersion, platforms.GraphVersion), cmp.Or(c.LinkedInVersion, platforms.LinkedInVersion)
	c.PostInsightsInterval = cmp.Or(c.PostInsightsInterval, collect.DefaultPostInterval)
	c.GrowthWindow, c.CheckpointEvery = cmp.Or(c.GrowthWindow, 168*time.Hour), cmp.Or(c.CheckpointEvery, time.Hour)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Registerer == nil {
		c.Registerer = prometheus.NewRegistry()
	}
	return c
}
