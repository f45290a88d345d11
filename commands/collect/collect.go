package collect

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/quota"
)

// Connections says what can be read; the read side offers it. All leave out accounts of lapsed
// subscriptions, connections that wait for a person, and those that an operator has paused.
type Connections interface {
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

// FetchStates keeps, for all processes, who reads what, and what became of it.
type FetchStates interface {
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
}

// StateMarks let one of several processes record a change of a connection's state.
type StateMarks interface {
	// First reports whether a change is to be recorded by who asks. Shown is of when the state is that tables show; nil: none.
	First(ctx context.Context, connection int64, state string, shown *time.Time) (bool, error)
	// Recorded notes that the log has the change, as one of that time. Without it the change may be in the log or not, and some
	// minutes later another one may be recorded.
	Recorded(ctx context.Context, connection int64, state string, at time.Time) error
}

// Clients finds the client of a platform; *platforms.Set implements it.
type Clients interface {
	For(p domain.Platform) (platforms.Client, error)
}

// Config holds the parts and limits of [Collector]. The parts are required, and GrowthWindow.
type Config struct {
	Connections Connections
	States      FetchStates
	Marks       StateMarks
	Clients     Clients
	Budget      *quota.Gate // says how many calls the platforms' quotas leave
	Secrets     SecretStore
	Log         BatchAppender     // for readings and posts
	Operations  commands.Appender // for state changes of connections
	Now         func() time.Time
	Logger      *slog.Logger

	GrowthWindow    time.Duration              // age up to which a post's growth counts
	AccountInterval time.Duration              // between two readings of an account, if the quota permits
	PostInterval    time.Duration              // the same of its posts; default [DefaultPostInterval]
	Parallel        int                        // connections of one claim read at a time; default 32
	Backfill        time.Duration              // history read from the first connection on, a part with each reading; 0: none
	Unkeyed         map[domain.Platform]string // platforms that renewals lack our client's key for: what to set

	Observe FetchObserver // may be nil
}

// FetchObserver learns what is due and what became of it, for metrics.
type FetchObserver interface {
	// Due tells of a look: how many connections were due, how many of them the quota has no room for, and how long
	// the most overdue one has waited.
	Due(queue domain.FetchQueue, due, left int, lag time.Duration)
	// SignInsDue tells how many accounts need a person who signs in within two weeks.
	SignInsDue(platform domain.Platform, accounts int)
	// Fetched tells of one connection; class is "" when it was read.
	Fetched(queue domain.FetchQueue, class string)
	// PostSkipped tells of a post without a reading, or one that cannot be registered; class says why.
	PostSkipped(platform domain.Platform, class string)
}

// Collector reads the platforms and records what they say. One failing account, metric or platform never
// holds up the others.
type Collector struct {
	Config
	locks    *commands.KeyedLock // by reference of tokens
	pending  sync.Map            // pendingRotation by reference of tokens: what could not be stored
	keySaid  sync.Map            // platforms whose client's key was found missing
	paceSaid sync.Map            // what was said last of each paceKey
	demands  sync.Map            // Demand by platform
	paused   pausedConnections
}

// New checks the configuration and returns the use cases.
func New(c Config) (*Collector, error) {
	if c.Connections == nil || c.States == nil || c.Marks == nil || c.Clients == nil || c.Budget == nil || c.Secrets == nil ||
		c.Log == nil || c.Operations == nil || c.Now == nil || c.Logger == nil || c.GrowthWindow <= 0 {
		return nil, errors.New("collect.New needs Connections, States, Marks, Clients, Budget, Secrets, Log, Operations, " +
			"Now, Logger and GrowthWindow")
	}
	if c.PostInterval <= 0 {
		c.PostInterval = DefaultPostInterval
	}
	if c.Parallel <= 0 {
		c.Parallel = defaultParallel
	}
	if c.Observe == nil {
		c.Observe = unobserved{}
	}
	return &Collector{Config: c, locks: commands.NewKeyedLock()}, nil
}

type unobserved struct{}

func (unobserved) Due(domain.FetchQueue, int, int, time.Duration) {}
func (unobserved) SignInsDue(domain.Platform, int)                {}
func (unobserved) Fetched(domain.FetchQueue, string)              {}
func (unobserved) PostSkipped(domain.Platform, string)            {}

// clock is the time as it is recorded.
func (c *Collector) clock() time.Time { return c.Now().UTC().Truncate(time.Microsecond) }

// fetched is what a read of one connection brought besides its events.
type fetched struct {
	domain.FetchResult                  // what is known of it already: the rest follows from the read's error
	apart              bool             // a part of the history was read instead of the present
	incomplete         *platforms.Error // some figures are missing for a reason that passes
}
