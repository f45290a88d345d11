package platforms

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
	_ "time/tzdata" // Facebook's days are Pacific days, also on a machine without a zone database

	"github.com/ledgerboard/ledgerboard/domain"
)

// Client reads one platform. Every method makes at most a handful of calls, retries nothing by
// itself (the scheduler does), and answers failures of the platform as [*Error].
type Client interface {
	// Account reads the totals of one account. When the error is nil the figures are good, even if
	// some are missing: Missing says which and why, Incomplete whether it is worth asking again.
	Account(ctx context.Context, target Target, req AccountRequest) (AccountSnapshot, error)
	// Posts lists one page of posts, newest first; cursor is "" or a [PostsPage] cursor.
	Posts(ctx context.Context, target Target, cursor string) (PostsPage, error)
	// PostMetrics reads the counters of posts, batched where the platform offers it. Snapshots that
	// come together with an error are good: the error says why the rest is not there.
	PostMetrics(ctx context.Context, target Target, posts []Post) ([]PostSnapshot, error)
	// Refresh renews the access token; [ErrNoRefresh] where there is no such thing.
	Refresh(ctx context.Context, req RefreshRequest) (Tokens, error)
}

// Identifier is a [Client] of a platform that goes by the token alone: what it lists is of whoever signed
// in, and names nobody. Its Account and Refresh refuse the token of another account by themselves.
type Identifier interface {
	// Identify makes one call and returns an error that [WrongAccount] knows when the token is of another
	// account than Target.ExternalID.
	Identify(ctx context.Context, target Target) error
}

// Endpoint says where a platform is and who we are there.
type Endpoint struct {
	BaseURL      string // scheme, host and optional path prefix, without the version
	AuthURL      string // host of the token endpoint; BaseURL when empty
	DialogURL    string // host of the page where a person consents; BaseURL when empty
	Version      string // API version as the platform spells it
	ClientID     string // app id, client key
	ClientSecret string `json:"-"` // never logged; Meta: proves that calls are our app's

	// Scopes are what a sign-in asks for, all of them each time; empty: what our readings need. LinkedIn refuses the whole
	// dialog for one scope that the app does not have.
	Scopes []string
	// ConfigID is the configuration of Facebook Login for Business, whose scopes stand at Meta; empty: Facebook Login.
	ConfigID string
}

// Format hides the secret, whatever the verb.
func (e Endpoint) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "{%s %s client %s}", e.BaseURL, e.Version, e.ClientID)
}

// Config configures all clients. The zero value speaks to the real platforms.
type Config struct {
	Facebook  Endpoint // https://graph.facebook.com, v26.0; also serves Instagram accounts of Facebook login
	Instagram Endpoint // https://graph.instagram.com, codes at https://api.instagram.com, v26.0; accounts of Instagram login
	LinkedIn  Endpoint // https://api.linkedin.com, tokens at https://www.linkedin.com, 202608
	TikTok    Endpoint // https://open.tiktokapis.com, v2

	HTTPClient *http.Client     // default: one of our own; redirects are never followed
	Timeout    time.Duration    // of one call including its body; default 15 s
	Logger     *slog.Logger     // default: discards
	Observe    func(CallStats)  // called once per call, from the calling goroutine; may be nil
	Admit      Admit            // asked before each call; nil: every call is made
	Now        func() time.Time // default time.Now

	maxBodyBytes int64 // tests shorten it
}

// Admit decides whether a call may be made now, and may wait for that. A refusal, made with [Refuse], is
// the call's answer. Whoever is let through is given finish, which learns how the call went, and of how many
// requests a batch may consist now: at least 1, at most Call.Requests.
type Admit func(ctx context.Context, call Call) (requests int, finish func(CallStats), refusal error)

// Call is a call that is about to be made.
type Call struct {
	Platform domain.Platform
	Op       string // as in [CallStats]
	Account  string
	Requests int // how many calls it counts as: the requests of a batch; 0 is 1
}

// WithDefaults returns c with every empty setting filled in.
func (c Config) WithDefaults() Config {
	c.Facebook = c.Facebook.withDefaults(Endpoint{
		BaseURL: "https://graph.facebook.com", DialogURL: "https://www.facebook.com", Version: "v26.0", Scopes: facebookScopes(),
	})
	c.Instagram = c.Instagram.withDefaults(Endpoint{
		BaseURL: "https://graph.instagram.com", AuthURL: "https://api.instagram.com", DialogURL: "https://www.instagram.com",
		Version: "v26.0", Scopes: instagramScopes(),
	})
	c.LinkedIn = c.LinkedIn.withDefaults(Endpoint{
		BaseURL: "https://api.linkedin.com", AuthURL: "https://www.linkedin.com", DialogURL: "https://www.linkedin.com",
		Version: "202608", Scopes: linkedInScopes(),
	})
	c.TikTok = c.TikTok.withDefaults(Endpoint{
		BaseURL: "https://open.tiktokapis.com", DialogURL: "https://www.tiktok.com", Version: "v2", Scopes: tikTokScopes(),
	})
	c.Timeout = cmp.Or(c.Timeout, defaultTimeout)
	c.maxBodyBytes, c.Logger = cmp.Or(c.maxBodyBytes, maxBodyBytes), cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// withDefaults fills in what is empty. The other hosts of a platform that is elsewhere than the real one are its own too:
// a mock's tokens do not come from the real host.
func (e Endpoint) withDefaults(actual Endpoint) Endpoint {
	if e.BaseURL != "" {
		actual.AuthURL, actual.DialogURL = "", ""
	}
	e.BaseURL, e.Version = strings.TrimSuffix(cmp.Or(e.BaseURL, actual.BaseURL), "/"), cmp.Or(e.Version, actual.Version)
	e.AuthURL = strings.TrimSuffix(cmp.Or(e.AuthURL, actual.AuthURL, e.BaseURL), "/")
	e.DialogURL = strings.TrimSuffix(cmp.Or(e.DialogURL, actual.DialogURL, e.BaseURL), "/")
	if len(e.Scopes) == 0 {
		e.Scopes = actual.Scopes
	}
	return e
}

// validate reports every wrong setting at once.
func (c Config) validate() error {
	var errs []error
	for name, e := range map[string]Endpoint{"facebook": c.Facebook, "instagram": c.Instagram, "linkedin": c.LinkedIn, "tiktok": c.TikTok} {
		for setting, raw := range map[string]string{"base URL": e.BaseURL, "auth URL": e.AuthURL, "dialog URL": e.DialogURL} {
			u, err := url.Parse(raw)
			if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
				errs = append(errs, fmt.Errorf("%s %s must be http(s)://host[/prefix] without user, query or fragment", name, setting))
			}
		}
		if !plainID(e.Version, "._-") {
			errs = append(errs, fmt.Errorf("%s version %q must be letters, digits and dots", name, e.Version))
		}
	}
	if c.Timeout < 0 {
		errs = append(errs, errors.New("the timeout must not be negative"))
	}
	return errors.Join(errs...)
}

// Set holds one client per platform. It is safe for concurrent use.
type Set struct {
	clients map[domain.Platform]Client
	dialogs map[domain.Platform]dialog
	http    *http.Client

	metaApps []metaApp
	now      func() time.Time
}

// New checks the configuration and builds the clients; every wrong setting is in the one error.
func New(cfg Config) (*Set, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("configure platforms: %w", err)
	}
	pacific, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		return nil, fmt.Errorf("load the Pacific time zone: %w", err)
	}
	client := hardened(cfg.HTTPClient)
	return &Set{http: client, metaApps: metaApps(cfg), now: cfg.Now, dialogs: dialogs(cfg, client, pacific), clients: map[domain.Platform]Client{
		domain.Facebook: newFacebook(cfg, client, pacific), domain.Instagram: newInstagram(cfg, client, pacific),
		domain.LinkedIn: newLinkedIn(cfg, client), domain.TikTok: newTikTok(cfg, client),
	}}, nil
}

// For returns the client of a platform; the error of a platform without one wraps [ErrNoHandler].
func (s *Set) For(p domain.Platform) (Client, error) {
	client, ok := s.clients[p]
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrNoHandler, p)
	}
	return client, nil
}

// Close drops idle connections, those of a Config.HTTPClient included.
func (s *Set) Close() { s.http.CloseIdleConnections() }

// Target is the account to read and the token to read it with. It prints, logs and marshals without
// the token.
type Target struct {
	AccessToken string
	ExternalID  string             // page id, Instagram user id, TikTok open_id, LinkedIn person or organization id or URN
	AccountType domain.AccountType // LinkedIn only

	// InstagramLogin says that the token comes from Instagram login (graph.instagram.com); Facebook
	// login otherwise. Instagram only.
	InstagramLogin bool

	// CountedBy names, at LinkedIn, the member whose token it is: a quota of the account is that member's, with all that the token reads.
	// "": the account's own.
	CountedBy string
}

// quotaOf is whose quota a call counts against, beside those of the app.
func (t Target) quotaOf() string { return cmp.Or(t.CountedBy, t.ExternalID) }

// Format hides the token, whatever the verb.
func (t Target) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "{%s type %d token %s}", t.ExternalID, int(t.AccountType), mask(t.AccessToken))
}

// MarshalText hides the token, in JSON and in logs too.
func (t Target) MarshalText() ([]byte, error) { return fmt.Append(nil, t), nil }

// RefreshRequest asks for a new access token. Target.ExternalID, when set, must be whom the new
// token belongs to.
type RefreshRequest struct {
	Target       Target // AccessToken is what Instagram renews
	RefreshToken string // what LinkedIn and TikTok renew by
}

// Format hides the tokens, whatever the verb.
func (r RefreshRequest) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "{%s refresh token %s}", r.Target, mask(r.RefreshToken))
}

// MarshalText hides the tokens, in JSON and in logs too.
func (r RefreshRequest) MarshalText() ([]byte, error) { return fmt.Append(nil, r), nil }

// Tokens is what a refresh gave. AccessToken is never empty. An empty RefreshToken means: keep the
// stored one. TikTok's refresh token rotates: store the new one before the access token is used.
type Tokens struct {
	AccessToken      string
	RefreshToken     string
	ExpiresAt        time.Time // zero: the platform did not say
	RefreshExpiresAt time.Time // zero: the platform did not say
	ExternalID       string    // whose tokens they are, where the platform says so (TikTok open_id)
	Scope            string    // as the platform writes it
}

// Scopes are those of Scope, sorted; nil: the platform named none.
func (t Tokens) Scopes() []string { return splitScopes(t.Scope) }

// Format hides the tokens, whatever the verb.
func (t Tokens) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "{%s access %s until %s, refresh %s until %s}", t.ExternalID,
		mask(t.AccessToken), t.ExpiresAt.Format(time.RFC3339), mask(t.RefreshToken), t.RefreshExpiresAt.Format(time.RFC3339))
}

// MarshalText hides the tokens, in JSON and in logs too.
func (t Tokens) MarshalText() ([]byte, error) { return fmt.Append(nil, t), nil }
