package commands_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
)

const (
	agency = "aaaaaaaaaaaaaaaaaaaaaaaa"
	north  = "c10000000000000000000000"
	south  = "c20000000000000000000000"
	east   = "c30000000000000000000000"
	nina   = "d10000000000000000000000"
	sam    = "d20000000000000000000000"
)

var (
	day0  = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	quiet = ledgertest.Quiet

	errRefused  = fmt.Errorf("append: %w", domain.NotAppendedError{Reason: "INVALID_TIMESTAMP"})
	errUnknown  = errors.New("no answer from the broker")
	errTooLarge = errors.New("too large")
)

// stage keeps the log and its fold in memory. It is the store and appender of
// [commands.Dashboards].
type stage struct {
	accounts []string
	users    map[string]string
	// onAppend, if set, replaces the broker: it may deliver drafts, now or later, and answers the
	// writer.
	onAppend func(ctx context.Context, n int, d domain.Draft) error
	onSettle func() error
	onRead   func() error // before a document is read
	refusal  string

	mu        sync.Mutex
	head      domain.StreamHead
	present   map[string]domain.Dashboard
	documents map[int64]map[string]domain.Dashboard // as of each version
	records   []domain.Draft                        // the effective ones
	parked    map[int64]bool                        // versions whose content is not folded
	appends   int
	stale     int
	moved     chan struct{}
}

func newStage() *stage {
	return &stage{
		accounts: []string{north, south, east}, users: map[string]string{nina: north, sam: south},
		present: map[string]domain.Dashboard{}, documents: map[int64]map[string]domain.Dashboard{},
		parked: map[int64]bool{}, moved: make(chan struct{}), head: domain.StreamHead{Hash: hashOf("genesis")},
	}
}

func hashOf(id string) [32]byte { return sha256.Sum256([]byte(id)) }

// Load implements commands.DashboardStore.
func (s *stage) Load(ctx context.Context, need domain.FactsNeed) (domain.FactsView, error) {
	if err := ctx.Err(); err != nil {
		return domain.FactsView{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	view := domain.FactsView{Head: s.head, Refusal: s.refusal, Facts: domain.DashboardFacts{
		ParentAccount: need.ParentAccount, Dashboards: maps.Clone(s.present), Accounts: map[string]bool{},
		UserAccounts: maps.Clone(s.users), OrderPOC: map[string][]string{}, DefaultScopes: []string{"posts"},
	}}
	for _, id := range s.accounts {
		view.Facts.Accounts[id] = true
	}
	for i, r := range s.records {
		audit := r.Envelope.Audit
		key := audit.IdempotencyKey
		if key == "" {
			key = audit.CommandID
		}
		if need.IdempotencyKey != "" && key == need.IdempotencyKey && audit.Actor == need.Subject {
			view.Earlier = &domain.EarlierCommand{RequestDigest: audit.RequestDigest, SubAccount: r.Envelope.Subject, Version: int64(i + 1)}
		}
	}
	return view, nil
}

// Settle implements commands.DashboardStore.
func (s *stage) Settle(ctx context.Context, _ string, version int64) (domain.Settlement, error) {
	if s.onSettle != nil {
		if err := s.onSettle(); err != nil {
			return domain.Settlement{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil || s.head.Version < version {
		return domain.Settlement{}, err
	}
	if s.parked[version] {
		return domain.Settlement{Passed: true}, nil
	}
	return domain.Settlement{Passed: true, CommandID: s.records[version-1].Envelope.Audit.CommandID}, nil
}

// Document implements commands.DashboardStore.
func (s *stage) Document(_ context.Context, _, subAccount string, version int64) (domain.Dashboard, error) {
	if s.onRead != nil {
		if err := s.onRead(); err != nil {
			return domain.Dashboard{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.documents[version][subAccount]
	if !ok {
		return d, domain.ErrDashboardNotFound
	}
	return d, nil
}

// Moved implements commands.DashboardStore.
func (s *stage) Moved(string) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.moved
}

// Append implements commands.Appender.
func (s *stage) Append(ctx context.Context, d domain.Draft) error {
	s.mu.Lock()
	s.appends++
	n := s.appends
	s.mu.Unlock()
	if s.onAppend != nil {
		return s.onAppend(ctx, n, d)
	}
	s.deliver(d)
	return nil
}

// deliver appends a draft to the log and folds it according to the verdict on the chain.
func (s *stage) deliver(d domain.Draft) {
	s.mu.Lock()
	defer s.mu.Unlock()
	link := d.Envelope.Chain
	if link.Version != s.head.Version+1 || link.Prev != s.head.Hash {
		s.stale++
		return
	}
	event := d.Data.(domain.DashboardEvent)
	if !s.parked[link.Version] {
		revisions, err := event.Change().Fold(d.Key, link.Version, d.Envelope.Time, s.present)
		if err != nil {
			panic(err)
		}
		for _, r := range revisions {
			s.present[r.After.SubAccountID] = r.After
		}
	}
	s.records = append(s.records, d)
	s.head = domain.StreamHead{Version: link.Version, Hash: hashOf(d.Envelope.ID), Time: d.Envelope.Time}
	s.documents[link.Version] = maps.Clone(s.present)
	close(s.moved)
	s.moved = make(chan struct{})
}

// log returns the effective records.
func (s *stage) log() []domain.Draft {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.records)
}

// counts returns the counters of the stage.
type counts struct{ appends, stale int }

func (s *stage) counted() counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return counts{s.appends, s.stale}
}

// another appends a change of another process.
func (s *stage) another(t require.TestingT, c domain.UpdateDashboard) {
	view, err := s.Load(context.Background(), domain.FactsNeed{ParentAccount: agency})
	require.NoError(t, err)
	event, err := domain.DecideUpdate(view.Facts, c)
	require.NoError(t, err)
	require.NotNil(t, event)
	version := view.Head.Version + 1
	s.deliver(domain.Draft{Topic: domain.TopicDashboards, Key: agency, Data: event, Envelope: domain.Envelope{
		ID: fmt.Sprint("another ", version), Subject: c.Primary, Time: view.Head.Time.Add(time.Second),
		Chain: &domain.ChainLink{Version: version, Prev: view.Head.Hash},
		Audit: domain.Audit{Actor: "another", CommandID: fmt.Sprint("another ", version)},
	}})
}

// process returns the use cases of one process on the stage.
func (s *stage) process(_ require.TestingT, change ...func(*commands.DashboardsConfig)) *commands.Dashboards {
	c := commands.DashboardsConfig{
		Store: s, Log: s, Now: time.Now, Logger: quiet, PartitionOf: func(string) int32 { return 0 },
		EndOf:    func(context.Context, int32) (int64, error) { return 0, nil },
		Fits:     func(domain.Draft) error { return nil },
		TooLarge: func(err error) bool { return errors.Is(err, errTooLarge) },
	}
	for _, f := range change {
		f(&c)
	}
	return commands.NewDashboards(c)
}

// put returns a PUT; the options set its fields.
func put(primary string, options ...func(*commands.UpdateDashboard)) commands.UpdateDashboard {
	u := commands.UpdateDashboard{
		Caller:        commands.Caller{ParentAccount: agency, UserID: "ada", Role: "agency", RequestID: "r1", OnBehalfOf: "bob", TraceParent: "trace"},
		Change:        domain.UpdateDashboard{Primary: primary},
		RequestDigest: "digest of " + primary,
	}
	for _, o := range options {
		o(&u)
	}
	return u
}

// update executes a PUT that must be accepted.
func update(t testing.TB, d *commands.Dashboards, u commands.UpdateDashboard) commands.Result {
	t.Helper()
	result, err := d.Update(t.Context(), u)
	require.NoError(t, err)
	return result
}

func users(ids ...string) func(*commands.UpdateDashboard) {
	list := append([]string{}, ids...)
	return func(u *commands.UpdateDashboard) { u.Change.Users = &list }
}

func links(ids ...string) func(*commands.UpdateDashboard) {
	return func(u *commands.UpdateDashboard) { u.Change.SubAccountIDs = &ids }
}

func key(k string) func(*commands.UpdateDashboard) {
	return func(u *commands.UpdateDashboard) { u.IdempotencyKey = k }
}

func digest(d string) func(*commands.UpdateDashboard) {
	return func(u *commands.UpdateDashboard) { u.RequestDigest = d }
}

// asError returns the error of a use case as an [domain.Error].
func asError(t require.TestingT, err error) *domain.Error {
	var e *domain.Error
	require.ErrorAs(t, err, &e)
	return e
}

func TestMain(m *testing.M) { pgtest.Main(m) }
