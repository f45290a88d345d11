package demo

import (
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

// Config says which world to make. The same Config gives the same world.
type Config struct {
	Seed   uint64    // of ids, curves and posts; the simulator must have the same
	Anchor time.Time // the moment of the first start, kept by the caller; history ends and live readings begin here
	Days   int       // of history before Anchor; default 90

	Changes    int // of the agency's dashboards, at least; default and minimum 48
	ChangeDays int // over which they are spread before Anchor; default Days
}

// The defaults of [Config].
const (
	DefaultDays    = 90
	defaultChanges = 48
)

const day = 24 * time.Hour

func (c Config) withDefaults() Config {
	c.Anchor = c.Anchor.UTC().Truncate(time.Second) // the curves know no fractions
	if c.Days <= 0 {
		c.Days = DefaultDays
	}
	c.Changes = max(c.Changes, defaultChanges)
	if c.ChangeDays <= 0 {
		c.ChangeDays = c.Days
	}
	return c
}

// World is one agency with its clients, a foreign one beside it, and their history. It never changes
// after [New], so it is safe for concurrent use.
type World struct {
	cfg      Config
	agencies []*agency // ours, then the foreign one
	entities []domain.DirectoryEntity
	channels []*channel // of all agencies, in the order of their ids
	posts    []post     // of all channels up to the anchor, oldest first
	changes  []Change
}

// New makes the world.
func New(cfg Config) *World {
	w := &World{cfg: cfg.withDefaults()}
	for _, plan := range agencyPlans() {
		w.agencies = append(w.agencies, w.newAgency(plan))
	}
	for _, c := range w.channels {
		w.posts = append(w.posts, w.postsOf(c, w.knownUntil(c))...)
	}
	slices.SortStableFunc(w.posts, func(a, b post) int { return a.Created.Compare(b.Created) })
	w.buildDirectory()
	w.planChanges()
	return w
}

// from is where history begins.
func (w *World) from() time.Time { return w.cfg.Anchor.Add(-time.Duration(w.cfg.Days) * day) }

// channel is a connected social account with all that a reading of it needs.
type channel struct {
	domain.Tenant
	platform   domain.Platform
	kind       domain.AccountType
	connection int64
	externalID string // LinkedIn: the number within the URN, which the simulator's curves go by
	name       string
	username   string
	every      time.Duration // a post in each such interval
	client     *client
}

// Secret is what belongs into the sealed store under the reference of a connection.
type Secret struct {
	Ref, AccessToken, RefreshToken string
	ExpiresAt                      time.Time // zero: never
	TakenAt                        time.Time // when the person signed in; zero: it is as good as new
}

// Secrets are the tokens of all connections, as a simulator of the same seed takes them.
func (w *World) Secrets() []Secret {
	mint := simulator.New(simulator.Config{Seed: w.cfg.Seed})
	secrets := make([]Secret, 0, len(w.channels))
	for _, c := range w.channels {
		t := mint.Tokens(c.platform, c.externalID)
		secret := Secret{Ref: domain.HandedOverRef(c.connection), AccessToken: t.Access, RefreshToken: t.Refresh, ExpiresAt: w.tokenEnds(c)}
		if lost := w.lostAt(c); !lost.IsZero() {
			secret.AccessToken, secret.RefreshToken = mint.EndedToken(c.platform, c.externalID, lost), ""
			secret.TakenAt = lost.Add(-tokenLife)
		}
		secrets = append(secrets, secret)
	}
	return secrets
}
