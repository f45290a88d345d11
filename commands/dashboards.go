package commands

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// DashboardStore is the part of the read side that commands need.
type DashboardStore interface {
	// Load loads the facts in one transaction.
	Load(ctx context.Context, need domain.FactsNeed) (domain.FactsView, error)
	// Settle reports whether the head has reached a version, and which record has that version.
	Settle(ctx context.Context, parent string, version int64) (domain.Settlement, error)
	// Document returns a dashboard as of a version of the stream.
	Document(ctx context.Context, parent, subAccount string, version int64) (domain.Dashboard, error)
	// Moved returns a channel that is closed when the agency's part of the tables changes, and
	// sometimes when another part changes. Get the channel before reading the tables.
	Moved(parent string) <-chan struct{}
}

// Appender appends one record. After an error, the record may be in the log nevertheless, unless
// the error contains a [domain.NotAppendedError].
type Appender interface {
	Append(ctx context.Context, d domain.Draft) error
}

// DashboardsConfig configures [Dashboards].
type DashboardsConfig struct {
	Store DashboardStore
	Log   Appender
	// PartitionOf returns the partition of an agency's stream. EndOf returns the offset after the
	// last record of a partition, as reported by the brokers now. A response to a command that
	// appends nothing must reflect all records before this offset.
	PartitionOf func(parent string) int32
	EndOf       func(ctx context.Context, partition int32) (int64, error)
	// TooLarge reports whether an append error means that the record was too large.
	TooLarge func(error) bool
	// Fits returns the error with which Log would refuse a record, or nil. It appends nothing.
	Fits func(domain.Draft) error
	// Gate refuses commands while the projection lags too far behind. If nil, it never refuses.
	Gate   func() error
	Now    func() time.Time
	Logger *slog.Logger

	Deadline time.Duration // for a whole command; 10 s by default
}

// Dashboards executes changes to dashboards: load, decide, append, wait.
type Dashboards struct {
	DashboardsConfig
	locks    *KeyedLock
	attempts int // maximum number of attempts before 409
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

// Result is the dashboard after a command.
type Result struct {
	Dashboard domain.Dashboard
	Replayed  bool // it is the result of an earlier request with the same idempotency key
}

// change is the state of one command.
type change struct {
	Caller
	need      domain.FactsNeed
	key       string // the caller's Idempotency-Key, or ""
	digest    string
	commandID string
	decide    func(domain.FactsView) (domain.Data, error) // returns nil, nil if there is nothing to record
	preview   bool                                        // no record is appended
}

// KeyedLock serializes callers by key. A key without callers uses no memory.
type KeyedLock struct {
	mu   sync.Mutex
	keys map[string]*keyLock
}

type keyLock struct {
	token chan struct{} // holds one token while the key is free
	users int           // holder and waiters
}

// NewKeyedLock returns a lock with all keys free.
func NewKeyedLock() *KeyedLock { return &KeyedLock{keys: map[string]*keyLock{}} }

// Lock waits for the key until ctx is done. The returned function releases the key.
func (k *KeyedLock) Lock(ctx context.Context, key string) (unlock func(), err error) {
	k.mu.Lock()
	h, ok := k.keys[key]
	if !ok {
		h = &keyLock{token: make(chan struct{}, 1)}
		h.token <- struct{}{}
		k.keys[key] = h
	}
	h.users++
	k.mu.Unlock()
	leave := func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if h.users--; h.users == 0 {
			delete(k.keys, key)
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
