package main

import (
	"bytes"
	"crypto/tls"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/mount"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/dev/certs"
	"github.com/ledgerboard/ledgerboard/internal/dev/demo/launch"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// Help shows no secret; wrong arguments and settings are all reported at once, before anything is
// done.
func TestHelpHidesSecretsAndArgumentErrorsAreJoined(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"serve", "demo", "import"} {
		t.Setenv("LEDGERBOARD_SECRETS_KEY", strings.Repeat("5e", 32))
		t.Setenv("LEDGERBOARD_DATABASE_URL", "postgres://u:secret-of-database@localhost/x")
		help := byHand(t, name, "--help").exits(t, exitOK)
		require.Contains(t, help.stdout, "Usage: ledgerboard "+name)
		require.NotRegexp(t, "5e5e|secret-of", help.stdout+help.stderr)
	}
	for args, c := range map[string]struct {
		settings map[string]string
		named    string
	}{
		"":                                 {nil, "expected"},
		"demo --nothing":                   {nil, "--nothing"},
		"token --user x --role agency":     {nil, "JWT_SECRET"},
		"import /nowhere.jsonl":            {nil, "/nowhere.jsonl"},
		"serve":                            {nil, "DIRECTORY JWT_SECRET MANAGED_SUBSCRIPTIONS SECRETS_KEY"},
		"serve --mock":                     {map[string]string{"KAFKA_BROKERS": "127.0.0.1:1"}, "--mock"},
		"serve --mock --env=production":    {nil, "--mock"},
		"demo --env=production":            {nil, "production"},
		"serve --roles=api,cook --addr=61": {map[string]string{"ENV": "production", "RATE_LIMIT": "-1"}, "ADDR ROLES RATE_LIMIT DATABASE_URL KAFKA_BROKERS"},
	} {
		t.Run(args, func(t *testing.T) {
			for name := range defaultsOfSettings(t) {
				t.Setenv(name, c.settings[strings.TrimPrefix(name, "LEDGERBOARD_")])
			}
			require.Empty(t, byHand(t, strings.Fields(args)...).exits(t, exitUsage, strings.Fields(c.named)...).stdout)
		})
	}
	left, err := os.ReadDir(".")
	require.NoError(t, err)
	require.Empty(t, left, "a refused command leaves no files")
}

// What a full disk cut short is not complete. A private key would be lost after its public key was
// given to auditors.
func TestLostResultsAreAFailure(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("this system has no /dev/full")
	}
	defer full.Close()
	var problems bytes.Buffer
	require.Equal(t, exitFailure, run(t.Context(), []string{"keygen"}, full, &problems))
	require.Contains(t, problems.String(), "ledgerboard: print the results: write /dev/full: no space left on device")
	problems.Reset()
	require.Equal(t, exitFailure, run(t.Context(), []string{"completion", "bash"}, full, &problems))
	require.Equal(t, "ledgerboard: write /dev/full: no space left on device\n", problems.String(), "once")
}

// A demo has its own defaults. An explicit value overrides them even if it equals the default of
// the service.
func TestDemoDefaultsAndOverrides(t *testing.T) {
	require.Equal(t, 6000, parsed(t, "serve").Serve.HTTP.RateLimit.Requests)
	require.Equal(t, 60_000, parsed(t, "demo").Demo.HTTP.RateLimit.Requests)
	require.Equal(t, 60_000, parsed(t, "serve", "--mock").Serve.HTTP.RateLimit.Requests)
	require.Equal(t, 10*time.Second, parsed(t, "demo").Demo.CheckpointEvery)
	require.Equal(t, time.Minute, parsed(t, "demo").Demo.PostInsightsInterval)
	require.Equal(t, 6000, parsed(t, "demo", "--rate-limit=6000").Demo.HTTP.RateLimit.Requests)
	require.Equal(t, time.Hour, parsed(t, "serve", "--checkpoint-every=1h", "--mock").Serve.CheckpointEvery)
	t.Setenv("LEDGERBOARD_RATE_LIMIT", "6000")
	require.Equal(t, 6000, parsed(t, "demo").Demo.HTTP.RateLimit.Requests)
	require.Equal(t, 6000, parsed(t, "serve", "--mock").Serve.HTTP.RateLimit.Requests)
}

// Settings left out by a main application have the defaults of the program.
func TestMountDefaultsMatchProgram(t *testing.T) {
	t.Parallel()
	serve := parsed(t, "serve").Serve
	require.Equal(t, serve.ClientDashboardScopes, app.DefaultClientScopes())
	for _, field := range []string{serve.Users, serve.Subscriptions} {
		require.Contains(t, []string{"known", "required"}, field, "what an empty field means")
	}
	require.Empty(t, serve.Withdrawn)
	serve.KafkaBrokers, serve.DatabaseURL, serve.Authenticator = []string{"a:1"}, "postgres://a/b", api.AuthenticatorFunc(nil)
	serve.ManagedSubscriptions, serve.SecretsKey = []string{"a"}, strings.Repeat("ab", 32)
	require.NoError(t, serve.Config.Validate(), "what the program has filled is valid for a main application")
}

// wrongSettings returns what is wrong with settings; args are those of serve.
func wrongSettings(t *testing.T, change func(s *settings), args ...string) string {
	t.Helper()
	valid := []string{
		"serve", "--directory=local", "--managed-subscriptions=a", "--jwt-secret=" + strings.Repeat("s", 32),
		"--secrets-key=" + strings.Repeat("ab", vault.KeySize),
	}
	s := parsed(t, append(valid, args...)...).Serve.settings
	change(&s)
	if err := s.validate("127.0.0.1:0"); err != nil {
		return err.Error()
	}
	return ""
}

func TestPublicURLIsValidated(t *testing.T) {
	t.Parallel()
	wrong := func(url string) string { return wrongSettings(t, func(s *settings) { s.PublicURL = url }) }
	for _, good := range []string{"", "https://boards.example", "https://boards.example:8443", "http://localhost:6001", "http://127.0.0.1:6001", "http://[::1]:6001"} {
		require.Empty(t, wrong(good), good)
	}
	for _, bad := range []string{
		"http://boards.example", "https://boards.example/", "boards.example", "https://", "https://me@boards.example", "https://boards.example?x=1", "ftp://localhost",
		"http://localhost.evil.example",
		// Browsers send another host, with which the console refuses to connect pages.
		"https://Boards.example", "https://boards.example:443", "http://localhost:80", "https://b\u00fccher.example", "HTTPS://boards.example",
	} {
		require.Contains(t, wrong(bad), "LEDGERBOARD_PUBLIC_URL: ", bad)
	}
	// The service answers at the root of its host. Below a path, each link and redirect would be wrong. A main
	// application has the path of its router.
	for _, bad := range []string{"https://host/boards", "https://host/boards/", "https://host/%62"} {
		require.Contains(t, wrong(bad), "LEDGERBOARD_PUBLIC_URL: \""+bad+"\" has a path")
	}
	require.NotContains(t, mount.Config{PublicURL: "https://host/boards"}.Validate().Error(), "PublicURL")
	require.ErrorContains(t, mount.Config{PublicURL: "https://host/boards/"}.Validate(), "trailing slash")
}

// A load balancer that reuses a connection for 600 s must not find it closed.
func TestIdleConnectionsOutliveLoadBalancers(t *testing.T) {
	t.Parallel()
	require.Greater(t, newServer(http.NotFoundHandler()).IdleTimeout, 600*time.Second)
}

// The role api needs token settings; a process with only the role signer needs the signing key.
func TestSecretsRequiredByRole(t *testing.T) {
	t.Parallel()
	for role, needs := range map[string][2]string{
		app.RoleAPI: {"LEDGERBOARD_JWT_SECRET", "CHECKPOINT_KEY"}, app.RoleProjector: {"", "CHECKPOINT_KEY LEDGERBOARD_JWT"},
		app.RoleFetcher: {"", "CHECKPOINT_KEY LEDGERBOARD_JWT"}, app.RoleSigner: {"a process with only the role signer needs a key", "LEDGERBOARD_JWT"},
	} {
		s := eraseSettings(storage{DataDir: t.TempDir()})
		s.JWTSecret, s.Roles = "", []string{role}
		said := fmt.Sprint(s.validate("127.0.0.1:0"))
		require.Contains(t, said, needs[0], role)
		for other := range strings.FieldsSeq(needs[1]) {
			require.NotContains(t, said, other, role)
		}
	}
}

// Without a readable list of withdrawn subjects they would have access: the process does not start.
func TestWithdrawnFileMustBeReadable(t *testing.T) {
	t.Parallel()
	s := eraseSettings(storage{DataDir: t.TempDir()})
	s.Withdrawn = filepath.Join(t.TempDir(), "withdrawn")
	require.ErrorContains(t, s.validate("127.0.0.1:0"), "LEDGERBOARD_WITHDRAWN")
	s.Withdrawn = newFile(t, "withdrawn", "two subjects\n")
	require.ErrorContains(t, s.validate("127.0.0.1:0"), "line 1")
	s.Withdrawn = newFile(t, "withdrawn", "one # subject\n")
	require.NotContains(t, fmt.Sprint(s.validate("127.0.0.1:0")), "LEDGERBOARD_WITHDRAWN")
}

func TestSignInSettingsAreValidated(t *testing.T) {
	t.Parallel()
	wrong := func(change func(*settings)) string {
		return wrongSettings(t, func(s *settings) {
			s.PublicURL = atBoards
			s.SignIn = app.SignIn{OIDCIssuer: "https://id.example", OIDCClientID: "a", OIDCClientSecret: "b", OIDCStaff: []string{"operator:x"}}
			change(s)
		})
	}
	require.Empty(t, wrong(func(*settings) {}))
	require.Empty(t, wrong(func(s *settings) { s.SignIn, s.PublicURL = app.SignIn{}, "" }))
	for want, change := range map[string]func(*settings){
		"LEDGERBOARD_OIDC_ISSUER is not set":      func(s *settings) { s.OIDCIssuer = "" },
		"must begin with https://":                func(s *settings) { s.OIDCIssuer = "http://id.example" },
		"requires LEDGERBOARD_OIDC_CLIENT_ID and": func(s *settings) { s.OIDCClientSecret = "" },
		"LEDGERBOARD_PUBLIC_URL is not set":       func(s *settings) { s.PublicURL = "" },
		"set the issuer of the identity provider": func(s *settings) { s.SignIn = app.SignIn{OIDCTrustEmail: true} },
		"LEDGERBOARD_OIDC_TRUST_EMAIL: https://accounts.google.com serves the people of several organizations": func(s *settings) {
			s.OIDCIssuer, s.OIDCTrustEmail = "https://accounts.google.com", true
		},
		`replace "common" with your tenant ID`: func(s *settings) { s.OIDCIssuer = "https://login.microsoftonline.com/common/v2.0" },
		"LEDGERBOARD_OIDC_STAFF":               func(s *settings) { s.OIDCStaff = []string{"king:x"} },
	} {
		require.Contains(t, wrong(change), want)
	}
}

// fetching returns how serve reads platforms.
func fetching(t *testing.T, args ...string) app.FetchConfig {
	t.Helper()
	config, err := parsed(t, append([]string{"serve"}, args...)...).Serve.Fetch()
	require.NoError(t, err)
	return config
}

func TestFetchingDefaultsMatchDocumentation(t *testing.T) {
	require.Empty(t, wrongSettings(t, func(*settings) {}))
	config := fetching(t)
	require.Equal(t, domain.DefaultQuotas(), config.Quota.Limits)
	require.Equal(t, collect.DefaultPostInterval, config.Collect.PostInterval)
	require.Equal(t, 30*time.Second, config.Collect.Every[domain.FetchAccounts])

	// Shorter reading intervals shorten the checks for due work, to at least one second.
	require.Equal(t, 5*time.Second, fetching(t, "--account-insights-interval=5s").Collect.Every[domain.FetchPosts])
	require.Equal(t, time.Second, fetching(t, "--account-insights-interval=0s").Collect.Every[domain.FetchAccounts])
	require.Equal(t, 30*time.Second, fetching(t, "--account-insights-interval=1h").Collect.Every[domain.FetchAccounts])

	// Every wrong setting is named.
	wrong := wrongSettings(t, func(s *settings) {
		s.AccountInsightsInterval, s.PostInsightsInterval, s.GrowthWindow = -1, 0, 0
		s.GraphVersion, s.LinkedInVersion = "26", "2026-08"
		s.Quotas, s.PlatformsURL = []string{"tiktok"}, "nowhere"
	})
	for _, name := range []string{"ACCOUNT_INSIGHTS_INTERVAL", "POST_INSIGHTS_INTERVAL", "GROWTH_WINDOW", "QUOTAS", "PLATFORMS_URL", "GRAPH_VERSION", "LINKEDIN_VERSION"} {
		require.Contains(t, wrong, "LEDGERBOARD_"+name)
	}
}

// Without a setting, LinkedIn's quota is that of an app in development, as the help says.
func TestDefaultLinkedInQuotaIsDevelopmentQuota(t *testing.T) {
	development := []string{"linkedin:app:500/24h", "linkedin:account:100/24h"}
	for setting, want := range map[string][]string{
		"": development, "tiktok:none": development, "linkedin:app:20000/24h": nil, "linkedin:none": nil, strings.Join(development, ","): nil,
	} {
		var assumed []string
		for _, limit := range fetching(t, "--quotas="+setting).Quota.Limits {
			if limit.Assumed {
				assumed = append(assumed, limit.String())
			}
		}
		require.Equal(t, want, assumed, setting)
	}
}

// A client key without its secret is an error. If both are missing, reading accounts of the
// platform fails.
func TestClientKeysComeInPairs(t *testing.T) {
	notRenewable := fetching(t).Collect.NotRenewable
	require.Len(t, notRenewable, 2)
	require.Contains(t, notRenewable[domain.TikTok], "LEDGERBOARD_TIKTOK_CLIENT_KEY")
	require.Len(t, fetching(t, "--tiktok-client-key=key").Collect.NotRenewable, 1)
	require.Contains(t, wrongSettings(t, func(*settings) {}, "--tiktok-client-key=key"), "LEDGERBOARD_TIKTOK_CLIENT_SECRET")
	keys := []string{"--tiktok-client-key=key", "--tiktok-client-secret=secret", "--platforms-url=http://localhost:1"}
	require.Empty(t, wrongSettings(t, func(*settings) {}, keys...))
	require.Empty(t, fetching(t, keys...).Collect.NotRenewable)
	keys = append(keys, "--facebook-app-id=1", "--instagram-app-id=2")
	wrong := wrongSettings(t, func(*settings) {}, keys...)
	require.Contains(t, wrong, "LEDGERBOARD_FACEBOOK_APP_SECRET is not")
	require.Contains(t, wrong, "LEDGERBOARD_INSTAGRAM_APP_SECRET is not")
	for _, role := range []string{app.RoleFetcher, app.RoleProjector} { // processes that call no platform have the ids of the settings for all
		wrong := wrongSettings(t, func(s *settings) { s.Roles = []string{role} }, keys...)
		require.Equal(t, role == app.RoleFetcher, strings.Contains(wrong, "_APP_SECRET"))
	}
	keys = append(keys, "--facebook-app-secret=of facebook", "--instagram-app-secret=of instagram")
	require.Empty(t, wrongSettings(t, func(*settings) {}, keys...))
	config := fetching(t, keys...)
	require.Equal(t, "of facebook", config.Platforms.Facebook.ClientSecret)
	require.Equal(t, "of instagram", config.Platforms.Instagram.ClientSecret)
}

// The TLS settings are used for the one configuration that both clients share. The files are read
// for each connection, since certificates are renewed while the service runs.
func TestKafkaTLSIsReadForEachConnection(t *testing.T) {
	connection := func(args ...string) func() *tls.Config {
		connect, _ := parsed(t, append([]string{"migrate", "--kafka-tls"}, args...)...).Migrate.Connection()
		return func() *tls.Config {
			config, err := connect()
			require.NoError(t, err)
			return config
		}
	}
	plain, _ := parsed(t, "migrate").Migrate.Connection()
	require.Nil(t, plain)
	require.Nil(t, connection()().RootCAs, "the authorities of the machine")
	first, second := certs.NewAuthority(t), certs.NewAuthority(t)
	clientOf := func(a *certs.Authority) certs.Pair { return a.Issue(t, "client", time.Now().Add(time.Hour)) }
	old, renewed := clientOf(first), clientOf(second)
	ca, both := newFile(t, "ca.pem", readFile(t, first.File)), newFile(t, "client.pem", string(old.Cert)+string(old.Key))
	cert, key := newFile(t, "tls.crt", string(old.Cert)), newFile(t, "tls.key", string(old.Key))
	oneFile, twoFiles := connection("--kafka-ca", ca, "--kafka-cert", both), connection("--kafka-cert", cert, "--kafka-key", key)
	check := func(authority *certs.Authority, client certs.Pair) {
		t.Helper()
		require.True(t, oneFile().RootCAs.Equal(authority.Trust().RootCAs))
		require.False(t, oneFile().InsecureSkipVerify)
		for _, got := range []*tls.Config{oneFile(), twoFiles()} {
			require.Equal(t, client.Serve(t).Certificates[0].Certificate, got.Certificates[0].Certificate)
		}
	}
	check(first, old)
	const mark = "\ufeff" // an editor of Windows began the files with it
	for path, content := range map[string]string{
		ca: mark + readFile(t, second.File), both: mark + string(renewed.Cert) + string(renewed.Key), cert: mark + string(renewed.Cert),
		key: mark + string(renewed.Key),
	} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	check(second, renewed)
}

// The password of the brokers may be in a file, which is read for each connection.
func TestKafkaPasswordIsReadForEachConnection(t *testing.T) {
	file := newFile(t, "password", "first\n")
	_, sasl := parsed(t, "migrate", "--kafka-user=writer", "--kafka-password=file:"+file).Migrate.Connection()
	for _, want := range []string{"first", "second"} {
		require.NoError(t, os.WriteFile(file, []byte(want+"\n"), 0o600))
		got, err := sasl.Password()
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	require.NoError(t, os.WriteFile(file, []byte("\n"), 0o600))
	_, err := sasl.Password()
	require.ErrorContains(t, err, file+" is empty")
}

// Every command that connects to brokers reads the TLS files: none may connect without TLS because
// its settings are composed differently.
func TestEveryBrokerCommandUsesTLSSettings(t *testing.T) {
	parser, err := newParser(&cli{})
	require.NoError(t, err)
	commands := 0
	for _, node := range parser.Model.Leaves(false) {
		for _, flag := range node.Flags {
			if flag.Name == "kafka-tls" {
				commands++
				require.True(t, node.Target.Addr().MethodByName("AfterApply").IsValid(), node.Path())
			}
		}
	}
	require.Greater(t, commands, 10)
}

// Wrong broker settings are reported at once before anything is done.
func TestInvalidKafkaSettingsAreAllReported(t *testing.T) {
	pair := certs.NewAuthority(t).Issue(t, "client", time.Now().Add(time.Hour))
	_, err := parse(t, "migrate", "--kafka-ca", pair.CertFile, "--kafka-cert", pair.CertFile)
	for _, name := range []string{"CA", "CERT"} {
		require.ErrorContains(t, err, "LEDGERBOARD_KAFKA_"+name+" is set, but LEDGERBOARD_KAFKA_TLS is not true")
	}
	_, err = parse(t, "migrate", "--kafka-tls", "--kafka-ca", pair.KeyFile)
	require.ErrorContains(t, err, "set the file as LEDGERBOARD_KAFKA_CERT")
	_, err = parse(t, "migrate", "--kafka-tls", "--kafka-ca", "/nowhere", "--kafka-cert", pair.CertFile)
	require.ErrorContains(t, err, "LEDGERBOARD_KAFKA_CA: read certificates")
	require.ErrorContains(t, err, "LEDGERBOARD_KAFKA_CERT: ")
	_, err = parse(t, "migrate", "--kafka-tls", "--kafka-key", pair.KeyFile)
	require.ErrorContains(t, err, "LEDGERBOARD_KAFKA_KEY is set, but LEDGERBOARD_KAFKA_CERT is not")
	for _, wrong := range []string{"", "--kafka-password="} {
		storage := parsed(t, append([]string{"migrate", "--kafka-user=u"}, strings.Fields(wrong)...)...).Migrate.storage
		faults := storage.Faults()
		require.ErrorContains(t, faults.Err(), "LEDGERBOARD_KAFKA_USER is set, but LEDGERBOARD_KAFKA_PASSWORD is not")
	}
	for prefix, valid := range map[string]bool{"": true, "agency-1.boards_": true, "agency/": false, "ä": false, strings.Repeat("x", 201): false} {
		faults := parsed(t, "migrate", "--topic-prefix="+prefix).Migrate.Faults()
		require.Equal(t, !valid, strings.Contains(fmt.Sprint(faults.Err()), "LEDGERBOARD_TOPIC_PREFIX"), prefix)
	}
}

// In a demo no URL leads out of this machine, and the simulator counts as an approved app.
func TestDemoUsesOnlySimulatorURLs(t *testing.T) {
	demo := parsed(t, "demo").Demo
	demo.fill(&launch.State{}, "http://127.0.0.1:1")
	wrong := fmt.Sprint(demo.validate(":1"))
	for _, name := range []string{"QUOTAS", "PLATFORMS_URL", "VERSION", "APP_", "CLIENT_"} {
		require.NotContains(t, wrong, "LEDGERBOARD_"+name)
	}
	config, err := demo.Fetch()
	require.NoError(t, err)
	for _, limit := range config.Quota.Limits {
		require.False(t, limit.Assumed, "%s", limit)
	}
	set, err := platforms.New(config.Platforms)
	require.NoError(t, err)
	t.Cleanup(set.Close)
	for _, p := range domain.Platforms() {
		signIn, err := set.SignIn(p)
		require.NoError(t, err)
		require.Contains(t, signIn.Address("state", "http://127.0.0.1:6001/connect"), "http://127.0.0.1:1/")
	}
}

// Docker leaves quotation marks around a value in the file of --env-file. A secret between them is not the
// one of the main application, and "file:…" between them is a secret that anybody can guess.
func TestMarksAroundValuesAreRefused(t *testing.T) {
	for variable, value := range map[string]string{
		"JWT_SECRET":            `"file:/run/secrets/of-the-main-application"`,
		"MANAGED_SUBSCRIPTIONS": `hush_plan, "hush_other"`,
		"DATA_DIR":              "hush ",
		"JWT_ISSUER":            `'hush'`,
		"FACEBOOK_APP_SECRET":   `"hush"`,
	} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv("LEDGERBOARD_"+variable, value)
			refused := byHand(t, "serve").exits(t, exitUsage, "around a value of LEDGERBOARD_"+variable)
			require.NotContains(t, refused.stderr, "hush")
			require.NotContains(t, refused.stderr, "/run/secrets")
		})
	}
}

// A list may have spaces after its commas: " hush" would be an unknown product type.
func TestListsMayHaveSpaces(t *testing.T) {
	var c cli
	parser, err := newParser(&c)
	require.NoError(t, err)
	t.Setenv("LEDGERBOARD_MANAGED_SUBSCRIPTIONS", "hush, hush_other ")
	command, err := parser.Parse([]string{"serve", "--kafka-brokers=a:1, b:1", "--checkpoint-public-keys=\ta"})
	require.NoError(t, err)
	require.NoError(t, cleanValues(command))
	require.Equal(t, []string{"hush", "hush_other"}, c.Serve.ManagedSubscriptions)
	require.Equal(t, []string{"a:1", "b:1"}, c.Serve.KafkaBrokers)
	require.Equal(t, []string{"a"}, c.Serve.CheckpointPublicKeys)
}

// A shell that reads a file with the line ends of Windows leaves a carriage return in each variable. For
// a directory it would be another one, which is empty.
func TestLineEndsOfVariablesAreRemoved(t *testing.T) {
	for name, value := range map[string]string{"LEDGERBOARD_DATA_DIR": "data-of-windows\r", "LEDGERBOARD_TOPIC_PREFIX": "\r\n", "ELSEWHERE": "a\r"} {
		t.Setenv(name, value)
	}
	require.NoError(t, cleanVariables())
	require.Equal(t, "data-of-windows", os.Getenv("LEDGERBOARD_DATA_DIR"))
	_, set := os.LookupEnv("LEDGERBOARD_TOPIC_PREFIX")
	require.False(t, set)
	require.Equal(t, "a\r", os.Getenv("ELSEWHERE"), "of another program")
}

// A mistyped setting is named before anything else is said, also if it is in the file.
func TestMistypedSettingsAreNamed(t *testing.T) {
	for name, value := range map[string]string{
		"LEDGERBOARD_WITHDRAWN_FILE": "gone.txt", "LEDGERBOARD_TOKEN": "t", "LEDGERBOARD_URL": "http://localhost:1", "LEDGERBOARD_ROLES": "api",
		"LEDGERBOARD_PORT": "tcp://10.0.0.1:6001", "LEDGERBOARD_API_PORT_6001_TCP_ADDR": "10.0.0.1", "LEDGERBOARD_SERVICE_HOST": "10.0.0.1",
		"LEDGERBOARD_MANAGED_SUBSCRIPTION": "", // restored after the test
	} {
		t.Setenv(name, value)
	}
	t.Setenv(configFileVariable, newFile(t, "env", "LEDGERBOARD_MANAGED_SUBSCRIPTION=a\n"))
	served := byHand(t, "serve").exits(t, exitUsage, "LEDGERBOARD_MANAGED_SUBSCRIPTIONS is not set")
	first, _, _ := strings.Cut(served.stderr, "\n")
	require.Contains(t, first, "level=WARN")
	require.Contains(t, first, "LEDGERBOARD_MANAGED_SUBSCRIPTION LEDGERBOARD_WITHDRAWN_FILE")
	require.NotRegexp(t, "LEDGERBOARD_(TOKEN|URL|ROLES|PORT|API|SERVICE|CONFIG)", first)
}

// An editor may begin the file with a byte order mark; another encoding is refused by name.
func TestConfigurationFileOfAnEditor(t *testing.T) {
	t.Setenv("LEDGERBOARD_TOPIC_PREFIX", "")
	require.NoError(t, os.Unsetenv("LEDGERBOARD_TOPIC_PREFIX"))
	require.NoError(t, loadConfigFile(newFile(t, "env", "\ufeffLEDGERBOARD_TOPIC_PREFIX=north-\r\n"), true))
	require.Equal(t, "north-", os.Getenv("LEDGERBOARD_TOPIC_PREFIX"))
	err := loadConfigFile(newFile(t, "env", "\xff\xfeL\x00E\x00"), true)
	require.ErrorContains(t, err, "is encoded in UTF-16: save it as UTF-8")
}

// systemd takes the last of two lines with a name, continues a value whose quotation mark is open on the
// next line, and reads some backslashes as escapes: it drops them without quotation marks, and between double
// ones only before ", \, ` and $. A value that a unit and a command would read differently is refused.
func TestConfigurationFileIsReadLikeSystemd(t *testing.T) {
	const name = "LEDGERBOARD_TOPIC_PREFIX"
	t.Setenv(name, "")
	for line, want := range map[string]string{
		`"a b"`: "a b", `'a\b"'`: `a\b"`, `a"b`: `a"b`, ` x # y `: "x # y", `""`: "", "": "", `"$HOME"`: "$HOME",
	} {
		require.NoError(t, os.Unsetenv(name))
		require.NoError(t, loadConfigFile(newFile(t, "env", name+"="+line+"\n"), true), line)
		require.Equal(t, want, os.Getenv(name), line)
	}
	require.NoError(t, os.Unsetenv(name))
	for _, c := range [][2]string{
		{name + `="hush`, "line 1: the value of " + name + " begins with a quotation mark"},
		{name + `="`, "begins with a quotation mark"},
		{name + `="hush" # north`, "begins with a quotation mark"},
		{name + `="hush"more"`, "begins with a quotation mark"},
		{name + `=hush\hush`, "has a backslash, which systemd may read as an escape"},
		{name + `="hush\hush"`, "has a backslash"},
		{name + `="hush\"hush"`, "begins with a quotation mark"},
		{name + "=hush\n\n" + name + "=hush", "lines 1 and 3 both set " + name},
		{name + "=\n" + name + "=hush", "lines 1 and 2 both set " + name},
	} {
		err := loadConfigFile(newFile(t, "env", c[0]+"\n"), true)
		require.ErrorContains(t, err, c[1], c[0])
		require.NotContains(t, err.Error(), "hush", "a secret is not repeated")
		require.NoError(t, os.Unsetenv(name))
	}
}

// The file may set the variables of OpenTelemetry, too; the Go runtime has read its own before.
func TestConfigurationFileSetsOtherVariables(t *testing.T) {
	for _, name := range []string{"OTEL_SERVICE_NAME", "OTEL_TRACES_SAMPLER_ARG", "GOGC"} {
		t.Setenv(name, "") // counts as not set, as in OpenTelemetry
	}
	t.Setenv("GOMEMLIMIT", "1GiB")
	t.Setenv("OTEL_TRACES_SAMPLER", "always_on")
	require.NoError(t, loadConfigFile(newFile(t, "env", `OTEL_SERVICE_NAME="north boards"
OTEL_TRACES_SAMPLER_ARG=0.05
OTEL_TRACES_SAMPLER=always_off
GOMEMLIMIT=2GiB
GOGC=
`), true))
	require.Equal(t, []string{"north boards", "0.05", "always_on", "1GiB"}, []string{
		os.Getenv("OTEL_SERVICE_NAME"), os.Getenv("OTEL_TRACES_SAMPLER_ARG"), os.Getenv("OTEL_TRACES_SAMPLER"), os.Getenv("GOMEMLIMIT"),
	})
	err := loadConfigFile(newFile(t, "env", "GOGC=50\nPATH=/nowhere\nOTEL_SERVICE_NAME\n"), true)
	require.ErrorContains(t, err, "line 1: the Go runtime reads GOGC when the process starts: set it in the environment of the process")
	for _, line := range []string{"2", "3"} {
		require.ErrorContains(t, err, "line "+line+" is neither LEDGERBOARD_NAME=value nor OTEL_NAME=value")
	}
	require.Empty(t, os.Getenv("GOGC"))
	t.Setenv(configFileVariable, newFile(t, "env", "GOGC=50\n"))
	serving, other := byHand(t, "serve"), byHand(t, "version") // a command by hand uses the file of the service
	require.Equal(t, exitUsage, serving.code)
	require.Contains(t, serving.stderr, "the Go runtime reads GOGC")
	require.Equal(t, exitOK, other.code, other.stderr)
}

// A pipe that is asked for with - is refused, instead of a file or directory with that name in the current
// directory.
func TestFlagsOfFilesRefuseStandardInputAndOutput(t *testing.T) {
	t.Chdir(t.TempDir())
	id := strings.Repeat("a", 24)
	for flag, args := range map[string][]string{
		"--bundle": {"export", "--parent", id}, "--out": {"export-person", "--user", id}, "--bundle=": {"verify"}, "--kept": {"verify", "--all"},
		"--from": {"erase"}, "--token-file": {"status"}, "--to": {"backup"}, "--check": {"backup"}, "--from=": {"restore"},
	} {
		flag = strings.TrimSuffix(flag, "=")
		kind := "file"
		if args[0] == "backup" || args[0] == "restore" {
			kind = "directory"
		}
		byHand(t, append(args, flag, "-")...).exits(t, exitUsage, flag+": - is not supported: name a "+kind)
	}
	require.NoFileExists(t, "-")
}

// Each setting that is marked as a secret may be in a file, and a line break at its end is cut.
func TestSecretSettingsCanBeReadFromFiles(t *testing.T) {
	t.Parallel()
	private, _, err := proof.GenerateKey()
	require.NoError(t, err)
	readAgain := map[string]string{
		"kafka-password": "geheim", "jwt-secret": strings.Repeat("s", 32), "secrets-key": strings.Repeat("ab", vault.KeySize), "checkpoint-key": private,
	}
	var c cli
	parser, err := newParser(&c)
	require.NoError(t, err)
	serve := slices.IndexFunc(parser.Model.Children, func(n *kong.Node) bool { return n.Name == "serve" })
	found := 0
	for _, f := range parser.Model.Children[serve].Flags {
		if f.PlaceHolder != "SECRET" {
			continue
		}
		found++
		value, again := readAgain[f.Name]
		if !again {
			value = "geheim"
		}
		for _, setting := range []string{value + "\n", "file:" + newFile(t, "secret", value+"\r\n")} {
			s := parsed(t, "serve", "--"+f.Name+"="+setting, "--directory=local", "--managed-subscriptions=a").Serve.settings
			if !again {
				require.Contains(t, fmt.Sprintf("%#v", s), fmt.Sprintf("%q", setting), "%s is kept and read by its user", f.Name)
				continue
			}
			if s.KafkaPassword != "" {
				s.KafkaUser = "u"
			}
			if s.JWTSecret == "" {
				s.JWTSecret = readAgain["jwt-secret"]
			}
			if s.SecretsKey == "" {
				s.SecretsKey = readAgain["secrets-key"]
			}
			require.NoError(t, s.validate("127.0.0.1:0"), f.Name)
		}
		_, err := parse(t, "serve", "--"+f.Name+"=file:/absent/file")
		if again {
			err = parsed(t, "serve", "--"+f.Name+"=file:/absent/file", "--directory=local", "--managed-subscriptions=a").Serve.validate("127.0.0.1:0")
		}
		require.ErrorContains(t, err, "read the file of a secret", f.Name)
	}
	require.Equal(t, 9, found)
}

var update = flag.Bool("update", false, "write docs/settings.md")

// docs/settings.md lists the settings of `ledgerboard serve` as the program knows them.
func TestSettingsDocumentMatchesProgram(t *testing.T) {
	var c cli
	parser, err := newParser(&c)
	require.NoError(t, err)
	var text strings.Builder
	text.WriteString("# Settings\n\nEach setting is an environment variable, a flag (`LEDGERBOARD_KAFKA_BROKERS` is " +
		"`--kafka-brokers`), or a line of the file that `LEDGERBOARD_CONFIG` names. The file has the format of systemd's `EnvironmentFile`: " +
		"a name is set once, and a value with a backslash is written in single quotation marks. White space or quotation marks around a value, " +
		"as `docker run --env-file` leaves them, are an error; spaces in lists are removed.\n\n" +
		"A setting with a secret, and `LEDGERBOARD_DATABASE_URL`, may be `file:PATH`. Files of Kafka and of the database, also those that its URL names, " +
		"are read for each new connection, the checkpoint key for each signature, all others once a minute.\n\n" +
		"The standard variables of OpenTelemetry (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_TRACES_SAMPLER`, …) configure traces, also in that file; " +
		"`GOMEMLIMIT` and `GOGC`, which must be in the environment of the process, the Go runtime.\n\n" +
		"| setting | default | |\n|---|---|---|\n")
	for _, command := range parser.Model.Children {
		if command.Name != "serve" {
			continue
		}
		for _, f := range command.Flags {
			if len(f.Envs) > 0 && !f.Hidden {
				value := ""
				switch {
				case slices.Contains([]string{"facebook-scopes", "instagram-scopes", "linkedin-scopes", "tiktok-scopes"}, f.Name):
					value = "[all](connecting.md#scopes)" // that document has its own test
				case f.Default != "":
					value = "`" + f.Default + "`"
				}
				fmt.Fprintf(&text, "| `%s` | %s | %s |\n", f.Envs[0], value, strings.ReplaceAll(f.Help, "|", "\\|"))
			}
		}
	}
	const path = "../../docs/settings.md"
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(text.String()), 0o644))
	}
	require.Equal(t, text.String(), readFile(t, path),
		"docs/settings.md is out of date. If the change is intended, run: go test ./cmd/ledgerboard -run SettingsDocument -update")
}

func TestDemoRefusesPlatformsURL(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"demo", "serve --mock"} {
		byHand(t, append(strings.Fields(line), "--platforms-url", "http://127.0.0.1:1", "--data-dir", t.TempDir())...).
			exits(t, exitUsage, "demo simulates the platforms itself")
	}
}
