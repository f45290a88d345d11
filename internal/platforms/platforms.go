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
	// Refresh renews the access token of ExternalID, if that is set: LinkedIn and TikTok by refreshToken,
	// Instagram login by the access token itself; [ErrNoRefresh] where there is no such thing.
	Refresh(ctx context.Context, target Target, refreshToken string) (Tokens, error)
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
	BaseURL      string // scheme, host and optional path prefix, without the version; "": the real one
	ClientID     string // app id, client key
	ClientSecret string `json:"-"` // never logged; Meta: proves that calls are our app's

	// Scopes are what a sign-in asks for, all of them each time; empty: what our readings need.
	// LinkedIn refuses the whole dialog for one scope that the app does not have.
	Scopes []string
	// ConfigID is the configuration of Facebook Login for Business, which holds the scopes; empty: Facebook Login.
	ConfigID string

	authURL, dialogURL string // hosts of the token endpoint, and of the page where a person consents
	version            string // of the API, as the platform spells it
	idField            string // what the platform calls ClientID
}

// Format hides the secret, whatever the verb.
func (e Endpoint) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "{%s %s client %s}", e.BaseURL, e.version, e.ClientID)
}

// Config configures all clients. The zero value speaks to the real platforms.
type Config struct {
	Facebook  Endpoint // also serves Instagram accounts of Facebook login
	Instagram Endpoint // accounts of Instagram login
	LinkedIn  Endpoint
	TikTok    Endpoint

	HTTPClient *http.Client     // default: one of our own; redirects are never followed
	Logger     *slog.Logger     // default: discards
	Observe    func(CallStats)  // called once per call, from the calling goroutine; may be nil
	Admit      Admit            // asked before each call; nil: every call is made
	Now        func() time.Time // default time.Now

	timeout      time.Duration // tests shorten it
	maxBodyBytes int64         // tests shorten it
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
		BaseURL: "https://graph.facebook.com", authURL: "https://graph.facebook.com", dialogURL: "https://www.facebook.com",
		version: "v26.0", Scopes: domain.Facebook.Facts().Scopes,
	})
	c.Instagram = c.Instagram.withDefaults(Endpoint{
		BaseURL: "https://graph.instagram.com", authURL: "https://api.instagram.com", dialogURL: "https://www.instagram.com",
		version: "v26.0", Scopes: domain.Instagram.Facts().Scopes,
	})
	c.LinkedIn = c.LinkedIn.withDefaults(Endpoint{
		BaseURL: "https://api.linkedin.com", authURL: "https://www.linkedin.com", dialogURL: "https://www.linkedin.com",
		version: "202608", Scopes: domain.LinkedIn.Facts().Scopes,
	})
	c.TikTok = c.TikTok.withDefaults(Endpoint{
		BaseURL: "https://open.tiktokapis.com", authURL: "https://open.tiktokapis.com", dialogURL: "https://www.tiktok.com",
		version: "v2", idField: "client_key", Scopes: domain.TikTok.Facts().Scopes,
	})
	c.timeout, c.maxBodyBytes = cmp.Or(c.timeout, defaultTimeout), cmp.Or(c.maxBodyBytes, maxBodyBytes)
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// withDefaults fills in what is empty. A simulated platform has one host: its tokens do not come from the real one.
func (e Endpoint) withDefaults(actual Endpoint) Endpoint {
	if at := strings.TrimSuffix(e.BaseURL, "/"); at != "" && at != actual.BaseURL {
		actual.BaseURL, actual.authURL, actual.dialogURL = at, at, at
	}
	if len(e.Scopes) == 0 {
		e.Scopes = actual.Scopes
	}
	e.BaseURL, e.authURL, e.dialogURL = actual.BaseURL, actual.authURL, actual.dialogURL
	e.version, e.idField = cmp.Or(e.version, actual.version), cmp.Or(actual.idField, "client_id")
	return e
}

// validate reports every wrong address at once.
func (c Config) validate() error {
	var errs []error
	for name, e := range map[string]Endpoint{"facebook": c.Facebook, "instagram": c.Instagram, "linkedin": c.LinkedIn, "tiktok": c.TikTok} {
		u, err := url.Parse(e.BaseURL)
		if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			errs = append(errs, fmt.Errorf("%s base URL must be http(s)://host[/prefix] without user, query or fragment", name))
		}
	}
	return errors.Join(errs...)
}

// Set holds one client per platform. It is safe for concurrent use.
type Set struct {
	clients map[domain.Platform]Client
	dialogs map[domain.Platform]dialog
	http    *http.Client

	meta []*graph // the apps that Meta calls us about
	now  func() time.Time
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
	graphOf := func(p domain.Platform, e Endpoint) *graph { return newGraph(p, e, cfg, client, pacific) }
	pages, instagramLogin := graphOf(domain.Facebook, cfg.Facebook), graphOf(domain.Instagram, cfg.Instagram)
	members, tiktok := newLinkedIn(cfg, client), newTikTok(cfg, client)
	return &Set{
		http: client, meta: []*graph{pages, instagramLogin}, now: cfg.Now,
		clients: map[domain.Platform]Client{
			domain.Facebook:  &facebook{pages},
			domain.Instagram: &instagram{graphOf(domain.Instagram, cfg.Facebook), instagramLogin},
			domain.LinkedIn:  members, domain.TikTok: tiktok,
		},
		dialogs: map[domain.Platform]dialog{
			domain.Facebook:  newDialog(domain.Facebook, facebookSignIn{pages}, cfg.Facebook),
			domain.Instagram: newDialog(domain.Instagram, instagramSignIn{instagramLogin}, cfg.Instagram),
			domain.LinkedIn:  newDialog(domain.LinkedIn, linkedInSignIn{members}, cfg.LinkedIn),
			domain.TikTok:    newDialog(domain.TikTok, tikTokSignIn{tiktok}, cfg.TikTok),
		},
	}, nil
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

	// OwnLogin says that the token comes from Instagram login (graph.instagram.com); Facebook
	// login otherwise. Instagram only.
	OwnLogin bool

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

// Tokens is what a refresh gave. AccessToken is never empty. An empty RefreshToken means: keep the
// stored one. TikTok's refresh token rotates: store the new one before the access token is used.
type Tokens struct {
	AccessToken      string
	RefreshToken     string
	ExpiresAt        time.Time // zero: the platform did not say
	RefreshExpiresAt time.Time // zero: the platform did not say
	ExternalID       string    // whose tokens they are, where the platform says so (TikTok open_id)
	Scopes           []string  // sorted; nil: the platform named none
}

// Format hides the tokens, whatever the verb.
func (t Tokens) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "{%s access %s until %s, refresh %s until %s}", t.ExternalID,
		mask(t.AccessToken), t.ExpiresAt.Format(time.RFC3339), mask(t.RefreshToken), t.RefreshExpiresAt.Format(time.RFC3339))
}

// MarshalText hides the tokens, in JSON and in logs too.
func (t Tokens) MarshalText() ([]byte, error) { return fmt.Append(nil, t), nil }
