package platforms

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
	_ "time/tzdata" // Facebook's days are Pacific days, even on a machine without a time zone database

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/secret"
)

// Client reads one platform. Its methods do not repeat failed calls; the scheduler does. A failure
// of the platform is an [*Error].
type Client interface {
	// Account reads the totals of one account. Figures may be missing without an error: Missing
	// lists them with reasons, and Incomplete reports whether a retry is useful.
	Account(ctx context.Context, target Target, req AccountRequest) (AccountSnapshot, error)
	// Posts lists one page of posts, newest first. The cursor is "" for the first page; otherwise
	// it comes from a [PostsPage]. A page that is returned with an error has the cursor of the next
	// section, if there is one: its Skip. Posts on it are valid: the error says why it is not known
	// how the list goes on.
	Posts(ctx context.Context, target Target, cursor string) (PostsPage, error)
	// PostMetrics reads the counters of posts. Snapshots returned with an error are valid: the
	// error says why the other posts have none.
	PostMetrics(ctx context.Context, target Target, posts []Post) ([]PostSnapshot, error)
	// Refresh renews the access token. If target.ExternalID is set, tokens of another account are
	// an error. LinkedIn and TikTok use refreshToken; Instagram login uses the access token. Other
	// platforms return [ErrNoRefresh].
	Refresh(ctx context.Context, target Target, refreshToken string) (Tokens, error)
}

// Identifier is a [Client] of a platform that lists posts by the token alone, without naming the
// account. Its Account and Refresh methods refuse a token of another account.
type Identifier interface {
	// Identify makes one call. If the token belongs to an account other than Target.ExternalID, it
	// returns an error for which [WrongAccount] is true.
	Identify(ctx context.Context, target Target) error
}

// Endpoint configures the address of a platform and the credentials of our app.
type Endpoint struct {
	BaseURL      string // without the version; "": the production platform
	ClientID     string // app ID or client key
	ClientSecret string `json:"-"` // the secret, or file:PATH; for Meta it also proves that a call comes from our app

	// Scopes are the scopes that every sign-in requests. The default is the scopes that our
	// readings need. LinkedIn refuses the whole dialog if the app lacks one of the scopes.
	Scopes []string
	// ConfigID is the ID of a configuration of Facebook Login for Business, which replaces Scopes.
	// If it is empty, sign-ins use Facebook Login.
	ConfigID string

	Version string // of the API, in the platform's format; "": the newest that this program knows

	authURL, dialogURL string        // hosts of the token endpoint and of the consent page
	idField            string        // the platform's parameter name for ClientID
	key                func() string // the current secret
}

// Format hides the secret for every verb.
func (e Endpoint) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "{%s %s client %s}", e.BaseURL, e.Version, e.ClientID)
}

// Config configures all clients. The zero value uses the production platforms.
type Config struct {
	Facebook  Endpoint // also serves Instagram accounts of Facebook login
	Instagram Endpoint // accounts of Instagram login
	LinkedIn  Endpoint
	TikTok    Endpoint

	HTTPClient *http.Client     // default: a client of this package; redirects are never followed
	Logger     *slog.Logger     // default: discards all records
	Observe    func(CallStats)  // called after each call, in the calling goroutine; may be nil
	Admit      Admit            // called before each call; nil allows every call
	Now        func() time.Time // default: time.Now

	timeout      time.Duration // shortened by tests
	maxBodyBytes int64         // lowered by tests
}

// Admit decides whether a call may be made now; it may wait. A refusal, created with [Refuse],
// becomes the result of the call. For an admitted call, Admit returns the number of requests that a
// batch may contain, and finish, which must be called with the statistics of the call.
type Admit func(ctx context.Context, call Call) (requests int, finish func(CallStats), refusal error)

// Call describes a call before it is made.
type Call struct {
	Platform domain.Platform
	Op       string // as in [CallStats]
	Account  string
	Requests int // number of calls that it counts as: the requests of a batch; 0 means 1
}

// WithDefaults returns c with defaults for all empty settings.
func (c Config) WithDefaults() Config {
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	c.Facebook = c.Facebook.withDefaults(c.Logger, domain.Facebook, Endpoint{
		BaseURL: "https://graph.facebook.com", authURL: "https://graph.facebook.com",
		dialogURL: "https://www.facebook.com", Version: GraphVersion,
	})
	c.Instagram = c.Instagram.withDefaults(c.Logger, domain.Instagram, Endpoint{
		BaseURL: "https://graph.instagram.com", authURL: "https://api.instagram.com",
		dialogURL: "https://www.instagram.com", Version: GraphVersion,
	})
	c.LinkedIn = c.LinkedIn.withDefaults(c.Logger, domain.LinkedIn, Endpoint{
		BaseURL: "https://api.linkedin.com", authURL: "https://www.linkedin.com",
		dialogURL: "https://www.linkedin.com", Version: LinkedInVersion,
	})
	c.TikTok = c.TikTok.withDefaults(c.Logger, domain.TikTok, Endpoint{
		BaseURL: "https://open.tiktokapis.com", authURL: "https://open.tiktokapis.com",
		dialogURL: "https://www.tiktok.com", Version: "v2", idField: "client_key",
	})
	c.timeout, c.maxBodyBytes = cmp.Or(c.timeout, defaultTimeout), cmp.Or(c.maxBodyBytes, maxBodyBytes)
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// withDefaults fills in the empty fields. A simulated platform uses one host for everything, so
// that no token is requested from the production host.
func (e Endpoint) withDefaults(logger *slog.Logger, p domain.Platform, actual Endpoint) Endpoint {
	if base := strings.TrimSuffix(e.BaseURL, "/"); base != "" && base != actual.BaseURL {
		actual.BaseURL, actual.authURL, actual.dialogURL = base, base, base
	}
	if len(e.Scopes) == 0 {
		e.Scopes = p.Facts().Scopes
	}
	e.BaseURL, e.authURL, e.dialogURL = actual.BaseURL, actual.authURL, actual.dialogURL
	read := secret.Text(e.ClientSecret)
	e.key = func() string {
		key, err := read()
		if err != nil {
			logger.Warn("cannot read the app's secret again; the last one stays in use", "platform", p.String(), "error", err)
		}
		return key
	}
	e.Version, e.idField = cmp.Or(e.Version, actual.Version), cmp.Or(actual.idField, "client_id")
	return e
}

func (c Config) validate() error {
	var errs []error
	for name, e := range map[string]Endpoint{
		"facebook": c.Facebook, "instagram": c.Instagram, "linkedin": c.LinkedIn, "tiktok": c.TikTok,
	} {
		if _, err := secret.Read(e.ClientSecret); err != nil {
			errs = append(errs, fmt.Errorf("the %s app's secret: %w", name, err))
		}
		u, err := url.Parse(e.BaseURL)
		if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" ||
			u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			errs = append(errs, fmt.Errorf(
				"the %s base URL must be http(s)://host[/prefix] without user, query or fragment", name))
		}
	}
	return errors.Join(append(errs, CheckGraphVersion(c.Facebook.Version), CheckGraphVersion(c.Instagram.Version),
		CheckLinkedInVersion(c.LinkedIn.Version))...)
}

// Set holds one client per platform. It is safe for concurrent use.
type Set struct {
	clients map[domain.Platform]Client
	dialogs map[domain.Platform]dialog
	http    *http.Client

	meta    []*graph // our apps with Meta, which sends callbacks about them
	graphs  []*graph
	members *linkedIn
	now     func() time.Time
}

// New creates the clients. The error lists every invalid setting.
func New(cfg Config) (*Set, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("configure platforms: %w", err)
	}
	pacific, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		return nil, fmt.Errorf("load the Pacific time zone: %w", err)
	}
	client := withoutRedirects(cfg.HTTPClient)
	pages := newGraph(domain.Facebook, cfg.Facebook, cfg, client, pacific)
	behindPages := newGraph(domain.Instagram, cfg.Facebook, cfg, client, pacific)
	instagramLogin := newGraph(domain.Instagram, cfg.Instagram, cfg, client, pacific)
	members, tiktok := newLinkedIn(cfg, client), newTikTok(cfg, client)
	return &Set{
		http: client, meta: []*graph{pages, instagramLogin}, now: cfg.Now,
		graphs: []*graph{pages, behindPages, instagramLogin}, members: members,
		clients: map[domain.Platform]Client{
			domain.Facebook:  &facebook{pages},
			domain.Instagram: &instagram{behindPages, instagramLogin},
			domain.LinkedIn:  members, domain.TikTok: tiktok,
		},
		dialogs: map[domain.Platform]dialog{
			domain.Facebook:  {facebookSignIn{pages}, cfg.Facebook},
			domain.Instagram: {instagramSignIn{instagramLogin}, cfg.Instagram},
			domain.LinkedIn:  {linkedInSignIn{members}, cfg.LinkedIn},
			domain.TikTok:    {tikTokSignIn{tiktok}, cfg.TikTok},
		},
	}, nil
}

// For returns the client of a platform. If the platform has none, the error wraps [ErrNoHandler].
func (s *Set) For(p domain.Platform) (Client, error) {
	client, ok := s.clients[p]
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrNoHandler, p)
	}
	return client, nil
}

// Close closes idle connections, including those of Config.HTTPClient.
func (s *Set) Close() { s.http.CloseIdleConnections() }

// Target is an account to read and the token to read it with. The token is omitted when a Target is
// printed, logged or marshaled.
type Target struct {
	AccessToken string
	// ExternalID is the page ID, the Instagram user ID, the TikTok open_id, or the ID or URN of a
	// LinkedIn person or organization.
	ExternalID  string
	AccountType domain.AccountType // LinkedIn only

	// OwnLogin reports that the token comes from Instagram login (graph.instagram.com) rather than
	// Facebook login. Instagram only.
	OwnLogin bool

	// CountedBy is the LinkedIn member who owns the token: all calls with the token count against
	// that member's quota. If it is empty, calls count against the account's quota.
	CountedBy string

	// SignedInAt is when the person signed in to obtain the token; zero: unknown. For some minutes
	// after that, LinkedIn may treat the token like the person's previous one.
	SignedInAt time.Time
}

// permissions identifies the account together with its token, for missing permissions: the token of
// a new sign-in may have more.
func (t Target) permissions() string {
	sum := sha256.Sum256([]byte(t.AccessToken))
	return t.ExternalID + "|" + string(sum[:8])
}

func (t Target) quotaAccount() string { return cmp.Or(t.CountedBy, t.ExternalID) }

// Format hides the token for every verb.
func (t Target) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "{%s type %d token %s}", t.ExternalID, int(t.AccountType), mask(t.AccessToken))
}

// MarshalText hides the token in JSON and in logs.
func (t Target) MarshalText() ([]byte, error) { return fmt.Append(nil, t), nil }

// Tokens is the result of a refresh. AccessToken is never empty. If RefreshToken is empty, keep the
// stored one. TikTok issues a new refresh token each time: store it before you use the access
// token.
type Tokens struct {
	AccessToken      string
	RefreshToken     string
	ExpiresAt        time.Time // zero: not reported
	RefreshExpiresAt time.Time // zero: not reported
	ExternalID       string    // owner of the tokens, if the platform reports it (TikTok open_id)
	Scopes           []string  // sorted; nil: not reported
}

// Format hides the tokens for every verb.
func (t Tokens) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "{%s access %s until %s, refresh %s until %s}", t.ExternalID,
		mask(t.AccessToken), t.ExpiresAt.Format(time.RFC3339),
		mask(t.RefreshToken), t.RefreshExpiresAt.Format(time.RFC3339))
}

// MarshalText hides the tokens in JSON and in logs.
func (t Tokens) MarshalText() ([]byte, error) { return fmt.Append(nil, t), nil }
