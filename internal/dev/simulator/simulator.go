package simulator

import (
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Where the platforms are mounted: a client's base URL is the server's address and this prefix.
const (
	PathFacebook  = "/facebook"  // graph.facebook.com: pages, and Instagram accounts of Facebook login
	PathInstagram = "/instagram" // graph.instagram.com
	PathLinkedIn  = "/linkedin"  // api.linkedin.com, and www.linkedin.com for tokens
	PathTikTok    = "/tiktok"    // open.tiktokapis.com
)

// Config configures a [Server].
type Config struct {
	Seed  uint64           // all figures and generated ids follow from it
	Clock func() time.Time // default time.Now

	// Limits; the defaults are the platforms'. Negative: none.
	MetaPerDay      int // calls per page or account in 24 h; default 48,000 (4800 × 10 engaged users)
	LinkedInPerDay  int // calls of the whole app in a UTC day; default 100,000
	LinkedInPerUser int // calls per member in a UTC day; default none
	TikTokPerMinute int // calls per endpoint in a sliding minute; default 600

	// App credentials that token calls must show, and Meta's calls prove; not checked when empty.
	ClientID, ClientSecret string

	// Redirects are the call-back addresses that are registered with our app; empty: any.
	Redirects []string

	// LinkedInVersions are the months that answer; others get 426. Default 202601 to 202609.
	LinkedInVersions []string

	Outages []Outage
}

// Outage is a time in which a platform answers 503 with HTML to everybody.
type Outage struct {
	Platform    domain.Platform
	From, Until time.Time
}

// Server speaks the platforms' wire formats. It is safe for concurrent use and starts no goroutines.
type Server struct {
	cfg    Config
	mux    *http.ServeMux
	limits limits
	tally  tally
	days   dayCounter

	mu       sync.RWMutex
	accounts map[string]*account // by platform and id
	tokens   map[string]string   // registered token → account key
	outages  []Outage

	people   []Person
	consents map[string]consent // by platform and person
	codes    map[string]issued
	coded    int             // codes made so far
	dead     map[string]bool // tokens that were given back one by one
}

// New makes a server without accounts.
func New(cfg Config) *Server {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	defaultInt(&cfg.MetaPerDay, 48_000)
	defaultInt(&cfg.LinkedInPerDay, 100_000)
	defaultInt(&cfg.TikTokPerMinute, 600)
	if cfg.LinkedInVersions == nil {
		cfg.LinkedInVersions = []string{
			"202601", "202602", "202603", "202604", "202605", "202606", "202607", "202608", "202609",
		}
	}
	s := &Server{
		cfg: cfg, mux: http.NewServeMux(), outages: cfg.Outages,
		limits:   limits{windows: map[string]*window{}},
		tally:    tally{calls: map[string]int64{}, throttled: map[string]int64{}},
		accounts: map[string]*account{}, tokens: map[string]string{},
		consents: map[string]consent{}, codes: map[string]issued{}, dead: map[string]bool{},
	}
	s.routeDialogs()
	s.routeMetaSignIn()
	s.routeApps()
	s.routeLinkedInSignIn()
	s.routeGraph()
	s.routeLinkedIn()
	s.routeTikTok()
	return s
}

func defaultInt(n *int, value int) {
	if *n == 0 {
		*n = value
	}
}

// Seed is the seed that the curves and generated posts of this server use.
func (s *Server) Seed() uint64 { return s.cfg.Seed }

// SetOutages replaces the outages.
func (s *Server) SetOutages(outages ...Outage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outages = outages
}

// Stats returns what was counted so far.
func (s *Server) Stats() Stats {
	s.tally.mu.Lock()
	defer s.tally.mu.Unlock()
	out := Stats{Calls: map[string]int64{}, Throttled: map[string]int64{}}
	maps.Copy(out.Calls, s.tally.calls)
	maps.Copy(out.Throttled, s.tally.throttled)
	return out
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mux.ServeHTTP(w, withGraphPath(r))
}
