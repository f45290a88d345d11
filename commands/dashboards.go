package commands

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// DashboardStore is what the read side offers to commands.
type DashboardStore interface {
	// Load reads everything in one transaction.
	Load(ctx context.Context, need domain.FactsNeed) (domain.FactsView, error)
	// Settle looks whether the head has passed a version, and whose record it was.
	Settle(ctx context.Context, parent string, version int64) (domain.Settlement, error)
	// Document returns a dashboard as of a version of the stream.
	Document(ctx context.Context, parent, subAccount string, version int64) (domain.Dashboard, error)
	// Moved returns a channel that is closed when the agency's part of the tables has moved, and maybe
	// when another's has; take it before looking.
	Moved(parent string) <-chan struct{}
}

// Appender appends one record. Its errors tell by errors.Is whether the outcome is open.
type Appender interface {
	Append(ctx context.Context, d domain.Draft) error
}

// DashboardsConfig holds the parts of [Dashboards].
type DashboardsConfig struct {
	Store DashboardStore
	Log   Appender
	// PartitionOf is the partition of an agency's stream, and EndOf the offset behind the last record of a partition, as the
	// brokers tell it now. It bounds what an answer may rest on that makes no record. Nil: stored state is believed.
	PartitionOf func(parent string) int32
	EndOf       func(ctx context.Context, partition int32) (int64, error)
	// Refused tells whether an append's error means that definitely nothing was appended, and TooLarge
	// whether the record was too large.
	Refused, TooLarge func(error) bool
	// Fits tells, of a record that is not appended, how Log would refuse it; nil: it is not asked.
	Fits func(domain.Draft) error
	// Gate refuses commands while the projection lags beyond its bound; nil: never.
	Gate   func() error
	Now    func() time.Time
	Logger *slog.Logger

	Deadline time.Duration // for the whole command; default 10 s
}

// Dashboards decides and records changes of dashboards: load, decide, append, wait.
type Dashboards struct {
	DashboardsConfig
	locks    *KeyedLock
	attempts int // lost races before 409
}

// NewDashboards returns the use cases.
func NewDashboards(c DashboardsConfig) *Dashboards {
	if c.Deadline <= 0 {
		c.Deadline = defaultDeadline
	}
	if c.Gate == nil {
		c.Gate = func() error { return nil }
	}
	return &Dashboards{DashboardsConfig: c, locks: NewKeyedLock(), attempts: maxAttempts}
}

// Result is a dashboard after a command.
type Result struct {
	Dashboard domain.Dashboard
	Replayed  bool // answered from an earlier request with the same idempotency key
}

// change is one command on its way.
type change struct {
	Caller
	need      domain.FactsNeed
	key       string // the caller's Idempotency-Key, or ""
	digest    string
	commandID string
	decide    func(domain.FactsView) (domain.Data, error) // nil, nil: nothing need be recorded
	preview   bool                                        // no record follows
}

// KeyedLock queues callers by key, so that the commands of one agency run one after the other in a
// process and races come only from other processes. A key that no one holds takes no memory.
type KeyedLock struct {
	mu    sync.Mutex
	holds map[string]*hold
}

type hold struct {
	token chan struct{} // holds one token while the key is free
	users int           // holder and waiters
}

// NewKeyedLock returns one of which nobody holds a key.
func NewKeyedLock() *KeyedLock { return &KeyedLock{holds: map[string]*hold{}} }

// Lock waits for the key until ctx is done; the returned function gives the key back.
func (l *KeyedLock) Lock(ctx context.Context, key string) (unlock func(), err error) {
	l.mu.Lock()
	h, ok := l.holds[key]
	if !ok {
		h = &hold{token: make(chan struct{}, 1)}
		h.token <- struct{}{}
		l.holds[key] = h
	}
	h.users++
	l.mu.Unlock()
	leave := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if h.users--; h.users == 0 {
			delete(l.holds, key)
		}
	}
	select {
	case <-h.token:
		return func() {
			h.token <- struct{}{}
			leave()
		}, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
