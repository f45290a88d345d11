package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/bearer"
	"github.com/ledgerboard/ledgerboard/api/console"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/internal/secret"
	"github.com/ledgerboard/ledgerboard/internal/signin"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

var (
	topicPrefixForm = regexp.MustCompile(`^[a-zA-Z0-9._-]{0,200}$`)
	scopeForm       = regexp.MustCompile(domain.ScopePattern)
)

// Faults collects what is wrong with settings.
type Faults []error

// Add adds an error; nil adds nothing.
func (f *Faults) Add(err error) {
	if err != nil {
		*f = append(*f, err)
	}
}

// AddTo adds an error of a setting; nil adds nothing.
func (f *Faults) AddTo(setting string, err error) {
	if err != nil {
		*f = append(*f, fmt.Errorf("%s: %w", setting, err))
	}
}

// Unlessf adds an error unless ok is true.
func (f *Faults) Unlessf(ok bool, format string, args ...any) {
	if !ok {
		*f = append(*f, fmt.Errorf(format, args...))
	}
}

// Err returns all faults in one error, in order of their texts; nil without faults.
func (f *Faults) Err() error {
	if len(*f) == 0 {
		return nil
	}
	slices.SortFunc(*f, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return fmt.Errorf("the configuration is invalid:\n%w", errors.Join(*f...))
}

// Validate returns every error in c at once. It connects to nothing. A zero value that has a default is
// valid in a main application.
func (c Config) Validate() error {
	f := c.Faults()
	return f.Err()
}

// Faults is like [Config.Validate], for callers with settings of their own.
func (c Config) Faults() Faults {
	if c.mounted() {
		c = c.withDefaults()
		c.Roles = []string{RoleAPI}
	}
	f := slices.Concat(c.checkEnums(), c.checkStorage(), c.checkServing(), c.checkCheckpoints())
	if c.Has(RoleAPI) || c.Has(RoleFetcher) { // other roles do not have the secrets of the apps
		f = append(f, c.checkPlatforms()...)
	}
	if c.Has(RoleAPI) {
		f = append(f, c.checkCallers()...)
	}
	roles := []string{RoleAPI, RoleProjector, RoleFetcher, RoleSigner}
	for _, role := range c.Roles {
		f.Unlessf(slices.Contains(roles, role), "%s names %q; use %s", c.setting("Roles"), role, strings.Join(roles, ", "))
	}
	for _, scope := range c.ClientDashboardScopes {
		f.Unlessf(scopeForm.MatchString(scope), "%s names %q, which is not a scope (%s)",
			c.setting("ClientDashboardScopes"), scope, domain.ScopePattern)
	}
	f.Unlessf(len(c.ManagedSubscriptions) > 0, "%s is not set: set the product types whose orders define points of contact",
		c.setting("ManagedSubscriptions"))
	if c.usesTokens() {
		_, err := vault.OpenKeyring(c.SecretsKey, nil)
		f.AddTo(c.setting("SecretsKey"), err)
	}
	return f
}

// checkEnums checks the values that only the command line would refuse.
func (c Config) checkEnums() (f Faults) {
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		values, limited := field.Tag.Lookup("enum")
		if value := reflect.ValueOf(c).FieldByIndex(field.Index).String(); limited && value != "" {
			f.Unlessf(slices.Contains(strings.Split(values, ","), value), "%s is %q; use %s",
				c.setting(field.Name), value, strings.Join(strings.Split(strings.Trim(values, ","), ","), " or "))
		}
	}
	return f
}

// checkStorage checks the syntax of the addresses.
func (c Config) checkStorage() (f Faults) {
	f = c.faults(c.setting)
	if c.mounted() || c.Env == EnvProduction {
		why := "production does not run on an embedded"
		if c.mounted() {
			why = "a main application runs no embedded"
		}
		f.Unlessf(c.DatabaseURL != "", "%s is not set: %s database", c.setting("DatabaseURL"), why)
		f.Unlessf(len(c.KafkaBrokers) > 0, "%s is not set: %s broker", c.setting("KafkaBrokers"), why)
	}
	return f
}

// Faults returns what is wrong with the settings of commands without a service.
func (s Storage) Faults() Faults { return s.faults(variable) }

func (s Storage) faults(setting func(field string) string) (f Faults) {
	for _, broker := range s.KafkaBrokers {
		host, port, err := net.SplitHostPort(broker)
		f.Unlessf(err == nil && host != "" && port != "", "%s names %q, which is not host:port", setting("KafkaBrokers"), broker)
	}
	user, password := setting("KafkaUser"), setting("KafkaPassword")
	f.Unlessf(s.KafkaUser == "" || s.KafkaPassword != "", "%s is set, but %s is not", user, password)
	f.Unlessf(s.KafkaUser != "" || s.KafkaPassword == "", "%s is set, but %s is not", password, user)
	_, err := secret.Read(s.KafkaPassword)
	f.AddTo(password, err)
	f = append(f, s.checkTLS(setting)...)
	f.Unlessf(topicPrefixForm.MatchString(s.TopicPrefix), "%s is %q; use up to 200 letters, digits, '.', '_' and '-'",
		setting("TopicPrefix"), s.TopicPrefix)
	if s.DatabaseURL != "" {
		// The error contains no password: pgx removes it.
		f.AddTo(setting("DatabaseURL"), pg.CheckURL(s.DatabaseURL))
	}
	return f
}

// checkServing checks what the HTTP layer needs.
func (c Config) checkServing() (f Faults) {
	f.AddTo(c.setting("PublicURL"), c.checkPublicURL())
	_, err := api.OpenWithdrawnSubjects(c.Withdrawn, nil)
	f.AddTo(c.setting("Withdrawn"), err)
	for _, origin := range c.HTTP.CORSOrigins {
		f.Unlessf(isOrigin(origin), "%s names %q; use https://host, https://host:port, http://localhost:* or *",
			c.setting("HTTP.CORSOrigins"), origin)
	}
	limit := c.HTTP.RateLimit.Requests
	f.Unlessf(limit >= 0, "%s is %d; use 0 (no limit) or more", c.setting("HTTP.RateLimit.Requests"), limit)
	others := c.HTTP
	others.RateLimit.Requests = max(0, limit)
	f.Add(others.Validate())
	return f
}

// checkCallers checks who authenticates requests, and how people sign in to the console.
func (c Config) checkCallers() (f Faults) {
	if c.mounted() {
		f.Unlessf(c.Authenticator != nil, "%s is not set; it authenticates callers", c.setting("Authenticator"))
		_, err := c.application()
		f.AddTo(c.setting("ConsoleSignIn"), err)
		return f
	}
	f.Unlessf(c.Directory != "", "%s is not set: use %s if agencies add their clients and users here, "+
		"or %s if a main application sends them", c.setting("Directory"), DirectoryLocal, DirectoryMainApp)
	key, keys := c.setting("JWTSecret"), c.setting("JWTKeys")
	if (c.JWTSecret == "") == (c.JWTKeys == "") {
		f.Unlessf(false, "set either %s (at least 32 bytes) or %s", key, keys)
	} else {
		_, err := bearer.New(context.Background(), c.bearer())
		f.AddTo(key+", "+keys, err)
	}
	return append(f, c.checkSignIn()...)
}

func (c Config) checkSignIn() (f Faults) {
	issuer := c.setting("OIDCIssuer")
	staff, err := signin.ParseStaff(c.OIDCStaff)
	f.AddTo(c.setting("OIDCStaff"), err)
	if c.OIDCIssuer == "" {
		f.Unlessf(c.OIDCClientID == "" && c.OIDCClientSecret == "" && staff.Empty() && !c.OIDCTrustEmail,
			"%s is not set, but another LEDGERBOARD_OIDC_… setting is: "+
				"set the issuer of the identity provider, or unset all of these settings", issuer)
		return f
	}
	f.AddTo(issuer, signin.CheckIssuer(c.OIDCIssuer))
	if c.OIDCTrustEmail {
		f.AddTo(c.setting("OIDCTrustEmail"), signin.CheckTrust(c.OIDCIssuer))
	}
	f.Unlessf(c.OIDCClientID != "" && c.OIDCClientSecret != "", "%s requires %s and %s",
		issuer, c.setting("OIDCClientID"), c.setting("OIDCClientSecret"))
	f.Unlessf(c.PublicURL != "", "%s is not set: the identity provider (%s) redirects people to this URL with the path %s",
		c.setting("PublicURL"), issuer, console.ReturnPath)
	return f
}

func (c Config) checkCheckpoints() (f Faults) {
	key := c.setting("CheckpointKey")
	if c.CheckpointKey != "" {
		_, _, err := proof.ParseKey(c.CheckpointKey)
		f.Unlessf(err == nil, "%s: %w ('ledgerboard keygen' generates one)", key, err)
	}
	f.Unlessf(c.CheckpointKey != "" || !slices.Equal(c.Roles, []string{RoleSigner}),
		"%s is not set: a process with only the role signer needs a key ('ledgerboard keygen' generates one)", key)
	f.Unlessf(c.CheckpointEvery >= time.Second, "--checkpoint-every is %s; use 1s or more", c.CheckpointEvery)
	_, err := proof.ReadKeys(c.CheckpointPublicKeys)
	f.AddTo(c.setting("CheckpointPublicKeys"), err)
	return f
}

func (c Config) checkPlatforms() (f Faults) {
	_, err := domain.ParseQuotas(c.Quotas)
	f.AddTo(c.setting("Quotas"), err)
	f.Unlessf(c.AccountInsightsInterval >= 0, "%s is %s; use 0 or more", c.setting("AccountInsightsInterval"), c.AccountInsightsInterval)
	f.Unlessf(c.PostInsightsInterval > 0, "%s is %s; use more than 0", c.setting("PostInsightsInterval"), c.PostInsightsInterval)
	f.Unlessf(c.GrowthWindow > 0, "%s is %s; use more than 0", c.setting("GrowthWindow"), c.GrowthWindow)
	apps := c.apps()
	for _, p := range domain.Platforms() {
		app := apps[p]
		id, secret := c.setting(app.idField), c.setting(app.secretField)
		if p.Facts().RefreshTokens {
			f.Unlessf((app.id == "") == (app.secret == ""), "%s and %s: only one is set; renewing tokens requires both", id, secret)
		} else {
			f.Unlessf(app.id == "" || app.secret != "", "%s is set, but %s is not; signing in requires both", id, secret)
		}
	}
	f.AddTo(c.setting("GraphVersion"), platforms.CheckGraphVersion(c.GraphVersion))
	f.AddTo(c.setting("LinkedInVersion"), platforms.CheckLinkedInVersion(c.LinkedInVersion))
	if c.PlatformsURL != "" {
		u, err := url.Parse(c.PlatformsURL)
		f.Unlessf(err == nil && u.Host != "", "%s %q is not a URL", c.setting("PlatformsURL"), c.PlatformsURL)
	}
	return f
}

func isOrigin(origin string) bool {
	if origin == "*" {
		return true
	}
	origin = strings.TrimSuffix(origin, ":*")
	u, err := url.Parse(origin)
	return err == nil && u.Scheme != "" && u.Host != "" && u.Scheme+"://"+u.Host == origin &&
		strings.EqualFold(u.Host, browserHost(u))
}

// browserHost returns the host of a URL as browsers send it: in lower case, and without the port that
// the scheme implies. A name that is not ASCII has another form there, which only a browser knows.
func browserHost(u *url.URL) string {
	implied := map[string]string{"http": ":80", "https": ":443"}
	return strings.TrimSuffix(strings.ToLower(u.Host), implied[u.Scheme])
}

// checkPublicURL returns an error if platforms cannot redirect people to the public URL. Platforms
// redirect only to HTTPS URLs; for a loopback host, HTTP is valid too, because the simulator accepts
// it. The program answers at the root of its host; a main application may serve it below a path. An
// empty URL is valid.
func (c Config) checkPublicURL() error {
	base := c.PublicURL
	if base == "" {
		return nil
	}
	u, err := url.Parse(base)
	if err == nil && strings.Trim(u.Path, "/") != "" && !c.mounted() {
		return fmt.Errorf("%q has a path: the console and sign-ins need a host of their own; "+
			"set https://host, and see \"Behind a proxy\" in docs/operators.md", base)
	}
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		strings.HasSuffix(base, "/") {
		return fmt.Errorf("%q must have the form https://host, without a trailing slash", base)
	}
	isASCII := strings.IndexFunc(u.Host, func(c rune) bool { return c > unicode.MaxASCII }) < 0
	if !isASCII || u.Host != browserHost(u) || !strings.HasPrefix(base, u.Scheme) {
		return fmt.Errorf("%q is not as browsers send it: write the scheme and the host in lower case, an international name "+
			"in its form xn--…, and no port if it is 443 for https or 80 for http", base)
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return fmt.Errorf("%q must begin with https://: platforms redirect people only to HTTPS URLs", base)
	}
	return nil
}
