package collect

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/quota"
)

// connections says what can be read; the read side offers it. All leave out accounts of lapsed
// subscriptions, connections that wait for a person, and those that an operator has paused.
type connections interface {
	// Paused returns the connections that an operator has paused.
	Paused(ctx context.Context) (map[int64]bool, error)
	// Due returns the accounts that are due and that nobody has claimed, the most overdue first.
	Due(ctx context.Context, queue domain.FetchQueue, now time.Time) ([]domain.DueAccount, error)
	// Counts returns how many accounts are read, by type.
	Counts(ctx context.Context, queue domain.FetchQueue, now time.Time) (map[domain.AccountType]int, error)
	// ReadTogether returns what each stored token of a platform reads, by its reference: how many accounts of each type.
	ReadTogether(ctx context.Context, queue domain.FetchQueue, now time.Time) (map[string]map[domain.AccountType]int, error)
	// Tasks returns what of a claim is still to be read, the most overdue first.
	Tasks(ctx context.Context, claim domain.FetchClaim, now time.Time) ([]domain.FetchTask, error)
	// SignInsDue counts the accounts that are read now, and those of them whose tokens end for good before a time.
	SignInsDue(ctx context.Context, platform domain.Platform, now, before time.Time) (accounts, due int, err error)
	// KnownPosts returns the posts of a social account that metrics are read for, newest first.
	KnownPosts(ctx context.Context, tenant domain.Tenant) ([]domain.KnownPost, error)
	// ListedTexts returns what the listing last said of posts, by their ids; of some it may have said nothing.
	ListedTexts(ctx context.Context, tenant domain.Tenant, posts []string) (map[string]domain.PostTexts, error)
}

// fetchStates keeps, for all processes, who reads what, and what became of it.
type fetchStates interface {
	// Record stores results and ends their claims; of claims that somebody else has taken over it stores nothing.
	Record(ctx context.Context, claim domain.FetchClaim, results []domain.FetchResult) error
	// KeepListing stores how far an account's posts were listed.
	KeepListing(ctx context.Context, queue domain.FetchQueue, socialAccount int64, listing domain.PostListing) error
	// KeepHistory stores how far back an account's history was read.
	KeepHistory(ctx context.Context, queue domain.FetchQueue, socialAccount int64, history domain.FetchHistory, now time.Time) error
	// PostNotes returns the posts of an account that were asked for in vain.
	PostNotes(ctx context.Context, socialAccount int64) ([]domain.PostNote, error)
	// KeepPostNotes stores such notes and drops those of posts that were read.
	KeepPostNotes(ctx context.Context, socialAccount int64, notes []domain.PostNote, read []string, now time.Time) error
	// First reports whether a change of a connection's state is to be recorded by who asks: by one of several processes. Shown is of when the
	// state is that tables show; nil: none.
	First(ctx context.Context, connection int64, state string, shown *time.Time) (bool, error)
	// Recorded notes that the log has the change, as one of that time. Without it the change may be in the log or not, and some
	// minutes later another one may be recorded.
	Recorded(ctx context.Context, connection int64, state string, at time.Time) error
}

// Config holds the parts and limits of [Collector]. The parts are required, and GrowthWindow.
type Config struct {
	Connections connections
	States      fetchStates
	// Client finds the client of a platform.
	Client     func(p domain.Platform) (platforms.Client, error)
	Budget     *quota.Gate // says how many calls the platforms' quotas leave
	Secrets    secretStore
	Log        BatchAppender     // for readings and posts
	Operations commands.Appender // for state changes of connections
	Now        func() time.Time
	Logger     *slog.Logger

	GrowthWindow    time.Duration              // age up to which a post's growth counts
	AccountInterval time.Duration              // between two readings of an account, if the quota permits
	PostInterval    time.Duration              // the same of its posts; default [DefaultPostInterval]
	Backfill        time.Duration              // history read from the first connection on, a part with each reading; 0: none
	Unkeyed         map[domain.Platform]string // platforms that renewals lack our client's key for: what to set

	Registerer prometheus.Registerer // nil: metrics are kept but not exposed
}

// Collector reads the platforms and records what they say. One failing account, metric or platform never
// holds up the others.
type Collector struct {
	*parts
	tokens *tokens
	paces  *paces
	paused pausedConnections
}

// parts is what all of a collector works with.
type parts struct {
	Config
	metrics *metrics
}

// New returns the use cases.
func New(c Config) *Collector {
	c.PostInterval = cmp.Or(c.PostInterval, DefaultPostInterval)
	p := &parts{c, newMetrics(c.Registerer)}
	return &Collector{parts: p, tokens: &tokens{parts: p, locks: commands.NewKeyedLock()}, paces: &paces{parts: p}}
}

// clock is the time as it is recorded.
func (c *Config) clock() time.Time { return c.Now().UTC().Truncate(time.Microsecond) }

// fetched is what a read of one connection brought besides its events.
type fetched struct {
	domain.FetchResult                  // what is known of it already: the rest follows from the read's error
	apart              bool             // a part of the history was read instead of the present
	incomplete         *platforms.Error // some figures are missing for a reason that passes
}
