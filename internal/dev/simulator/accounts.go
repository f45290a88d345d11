package simulator

import (
	"slices"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Account is an account on a platform. Everything but ID may be left empty.
type Account struct {
	ID       string // page id, Instagram user id, open_id; LinkedIn: the number within the URN
	Name     string // default "Account <ID>"
	Username string // default derived from ID

	// AccessToken and RefreshToken are tokens that are valid besides the generated ones; the Add
	// functions fill in generated ones ([Server.Tokens]) when empty.
	AccessToken  string
	RefreshToken string
	// AccessExpires is when AccessToken dies; zero: never. Tokens from a refresh have the platform's
	// own lifetime.
	AccessExpires time.Time

	Posts     []Post        // posts with ids and times of your own
	PostsFrom time.Time     // generated posts begin here …
	PostEvery time.Duration // … one per such interval; 0: none

	Caption func(Post) string // the text of a generated post; nil: one that names the account

	OwnLogin  bool   // Instagram: the token is of Instagram login, for its own host
	Instagram string // Facebook page: id of the Instagram account behind it, which the page's token reads too
	Traps     Traps
}

// account is an Account inside the server.
type account struct {
	Account
	platform domain.Platform
	kind     domain.AccountType

	mu          sync.Mutex // guards Posts, Traps and what follows
	calls       int
	generations map[string]int // of refresh tokens, by the id within them: older ones are dead

	generated      []Post // see [account.generatedBefore]
	generatedUntil time.Time
}

func (a *account) trapped() Traps {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.Traps
}

// AddPage registers a Facebook page. It returns the account with its tokens filled in, as all Add
// functions do. Adding an id again replaces the account.
func (s *Server) AddPage(a Account) Account { return s.Add(domain.Facebook, 0, a) }

// AddTikTokUser registers a TikTok user; ID is the open_id.
func (s *Server) AddTikTokUser(a Account) Account { return s.Add(domain.TikTok, 0, a) }

// AddInstagram registers an Instagram business account.
func (s *Server) AddInstagram(a Account) Account { return s.Add(domain.Instagram, 0, a) }

// AddLinkedInProfile registers a LinkedIn member.
func (s *Server) AddLinkedInProfile(a Account) Account {
	return s.Add(domain.LinkedIn, domain.LinkedInProfile, a)
}

// AddCompanyPage registers a LinkedIn organization and one of its administrators' tokens.
func (s *Server) AddCompanyPage(a Account) Account {
	return s.Add(domain.LinkedIn, domain.LinkedInCompanyPage, a)
}

// Add registers an account of any platform; kind tells LinkedIn's members from its organizations, and is 0
// elsewhere.
func (s *Server) Add(p domain.Platform, kind domain.AccountType, a Account) Account {
	if a.Name == "" {
		a.Name = "Account " + a.ID
	}
	if a.Username == "" {
		a.Username = "user" + a.ID
	}
	generated := s.Tokens(p, a.ID)
	if a.AccessToken == "" {
		a.AccessToken = generated.Access
	}
	if a.RefreshToken == "" {
		a.RefreshToken = generated.Refresh
	}
	a.Posts = slices.Clone(a.Posts)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts[accountKey(p, a.ID)] = &account{Account: a, platform: p, kind: kind, generations: map[string]int{}}
	s.tokens[a.AccessToken] = accountKey(p, a.ID)
	s.tokens[a.RefreshToken] = accountKey(p, a.ID)
	return a
}

func accountKey(p domain.Platform, id string) string { return p.String() + "/" + id }

func (s *Server) account(p domain.Platform, id string) *account {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.accounts[accountKey(p, id)]
}

// SetTraps switches the traps of an account; false when there is no such account.
func (s *Server) SetTraps(p domain.Platform, id string, t Traps) bool {
	a := s.account(p, id)
	if a == nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.Traps = t
	return true
}

// AddPost publishes a post on an account; false when there is no such account.
func (s *Server) AddPost(p domain.Platform, id string, post Post) bool {
	a := s.account(p, id)
	if a == nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.Posts = append(a.Posts, post)
	return true
}

// Posts are the posts that an account has at an instant, newest first, private and dead ones included.
func (s *Server) Posts(p domain.Platform, id string, at time.Time) []Post {
	a := s.account(p, id)
	if a == nil {
		return nil
	}
	return s.postsOf(a, at)
}
