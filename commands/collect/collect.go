package collect

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// connections is the part of the read side that collecting needs. Claim and Backlog omit accounts
// that are not read: those without an active subscription, those whose connection waits for a
// sign-in, and those whose connection an operator has paused.
type connections interface {
	// Claim claims the next due accounts, with what a reading needs.
	Claim(ctx context.Context, wanted domain.FetchWanted, now time.Time) (domain.FetchClaim, error)
	// Backlog returns the number of accounts that are due and not claimed, and for how long the most
	// overdue one has waited.
	Backlog(ctx context.Context, queue domain.FetchQueue, now time.Time) (accounts int, lag time.Duration, err error)
	// SignInsDue counts the accounts of a platform that are read, and those among them that need a
	// new sign-in before a time.
	SignInsDue(ctx context.Context, platform domain.Platform, now, before time.Time) (accounts, due int, err error)
	// KnownPosts returns the posts of a social account whose metrics are read, newest first.
	KnownPosts(ctx context.Context, tenant domain.Tenant) ([]domain.KnownPost, error)
	// ListedTexts returns the latest texts from the listing, by post id. Posts without listed texts
	// are absent.
	ListedTexts(ctx context.Context, tenant domain.Tenant, posts []string) (map[string]domain.PostTexts, error)
}

// fetchStates stores the claims and results of readings for all processes.
type fetchStates interface {
	// Record stores results and ends their claims. It stores nothing for claims that another
	// process has taken over.
	Record(ctx context.Context, claim domain.FetchClaim, results []domain.FetchResult) error
	// Release releases the accounts of a claim that have no result, so that they can be claimed
	// before the claim expires.
	Release(ctx context.Context, claim domain.FetchClaim) error
	// KeepHistory stores the progress of reading an account's history.
	KeepHistory(
		ctx context.Context, queue domain.FetchQueue, socialAccount int64, history domain.FetchHistory, now time.Time,
	) error
	// PostNotes returns the posts of accounts that could not be read, by account.
	PostNotes(ctx context.Context, socialAccounts []int64) (map[int64][]domain.PostNote, error)
	// KeepPostNotes stores notes and deletes those of posts that were read.
	KeepPostNotes(ctx context.Context, socialAccount int64, notes []domain.PostNote, read []string, now time.Time) error
	// First reports whether the caller should record a change of a connection's state. It returns
	// true to only one of several processes. shown is the time of the state in the tables; nil if
	// they have none. The mark that it sets expires unless Recorded confirms the append, because the
	// process may die before it.
	First(ctx context.Context, connection, page int64, works bool, shown *time.Time) (bool, error)
	// Recorded confirms that the log has the change with the given time. Without a confirmation,
	// the change may be recorded again some minutes later.
	Recorded(ctx context.Context, connection, page int64, works bool, at time.Time) error
}

// Config configures [Collector]. All components and GrowthWindow are required.
type Config struct {
	Schedule

	Connections connections
	States      fetchStates
	// Client returns the client of a platform.
	Client     func(p domain.Platform) (platforms.Client, error)
	Budget     *Gate // limits calls by the platforms' quotas
	Secrets    secretStore
	Log        BatchAppender     // for readings and posts
	Operations commands.Appender // for state changes of connections
	Now        func() time.Time
	Logger     *slog.Logger

	GrowthWindow    time.Duration // maximum age of a post whose growth counts
	AccountInterval time.Duration // between two readings of an account, if the quota permits
	PostInterval    time.Duration // between two readings of an account's posts; default [DefaultPostInterval]
	Backfill        time.Duration // length of the history to read; 0 for none
	// NotRenewable holds the platforms whose tokens cannot be renewed because our client key is missing,
	// with the setting to set.
	NotRenewable map[domain.Platform]string

	Registerer prometheus.Registerer // nil if metrics are not exported
}

// Collector reads the platforms and records the results.
type Collector struct {
	*parts
	tokens *tokens
	paces  paces
	paused *pauses
}

// parts holds the values that all components of a collector use.
type parts struct {
	Config
	metrics *metrics
	apps    *switchedOff
}

// New returns a collector.
func New(c Config) *Collector {
	c.PostInterval = cmp.Or(c.PostInterval, DefaultPostInterval)
	p := &parts{c, newMetrics(c.Registerer), &switchedOff{apps: map[app]outage{}}}
	return &Collector{
		parts: p, tokens: &tokens{parts: p}, paused: &pauses{list: c.Pauses},
		paces: paces{
			slowest: map[domain.FetchQueue]measuredPace{}, shared: map[domain.FetchQueue]measuredPace{},
			assumed: map[domain.Platform]bool{},
		},
	}
}

// clock returns the current time with the resolution of records.
func (c *Config) clock() time.Time { return c.Now().UTC().Truncate(time.Microsecond) }

type fetched struct {
	domain.FetchResult                  // the known part; the rest is derived from the error
	incomplete         *platforms.Error // some figures are missing for a temporary reason
}

type metrics struct {
	connections, posts *prometheus.CounterVec
	due, lag, signIns  *prometheus.GaugeVec
	outages            *prometheus.GaugeVec
	claims             *prometheus.CounterVec
	duration           *prometheus.HistogramVec
}

func newMetrics(registry prometheus.Registerer) *metrics {
	auto := promauto.With(registry)
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return auto.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return auto.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	}
	return &metrics{
		connections: counter("ledgerboard_fetch_connections_total",
			"Readings of connections, by reason: ok or the code of the failure.", "kind", "platform", "reason"),
		posts: counter("ledgerboard_fetch_posts_skipped_total",
			"Posts that could not be read or registered, by code of the reason "+
				"(not_found: deleted; invalid: values out of range).", "platform", "reason"),
		due: gauge("ledgerboard_fetch_due_connections", "Due connections at the last check.", "kind", "platform"),
		lag: gauge("ledgerboard_fetch_lag_seconds",
			"How long the most overdue connection had waited at the last check.", "kind", "platform"),
		signIns: gauge("ledgerboard_fetch_sign_ins_due",
			"Accounts whose tokens expire permanently within 14 days, as of the last check; "+
				"a person must sign in before then.", "platform"),
		claims: counter("ledgerboard_fetch_claims_total",
			"Claims of due connections, by outcome; connections that were not read are due again. not_checked: it is "+
				"not known which are due, or how many.", "kind", "platform", "outcome"),
		duration: auto.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ledgerboard_fetch_claim_duration_seconds", Help: "Time that it took to read the connections of a claim.",
			Buckets: []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300},
		}, []string{"kind", "platform"}),
		outages: gauge("ledgerboard_fetch_app_refused",
			"1 while the platform does not answer one of our apps, as of the last reading, by reason: app_blocked (it has "+
				"switched off the app) or version (of its API). No account of the app is read; only the operator can help.",
			"app", "reason"),
	}
}
