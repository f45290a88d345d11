package app_test

import (
	"context"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/stream"
)

const (
	parkedAgency = "5f1d7f3b8c9d440001a1b2c3"
	livingAgency = "5f1d7f3b8c9d440001a1b2d4"
	member       = "5f1d7f3b8c9d440001a1b2e5"
)

// patience is shorter than a wake-up waits for the fold of its record.
const patience = 30 * time.Second

// One agency's stream is parked, so that its record is never folded. The next record of the same
// partition belongs to another agency, whose listeners are woken at once. The process stops without
// waiting for either.
func TestStoppedStreamDoesNotDelayOtherAgenciesNotices(t *testing.T) {
	t.Parallel()
	log := ledgertest.NewBroker(t, ledgertest.Partitions(1)).Open() // all agencies are in one partition
	store := &halfParked{parked: make(chan struct{}, 1), woken: make(chan string, 1000)}
	updates := commands.NewDashboards(commands.DashboardsConfig{
		Store: store, Log: log, Now: time.Now, Logger: ledgertest.Quiet,
		TooLarge:    func(error) bool { return false },
		PartitionOf: func(string) int32 { return 0 },
		EndOf:       func(context.Context, int32) (int64, error) { return 0, nil },
		Fits:        func(domain.Draft) error { return nil },
	})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	t.Cleanup(func() { cancel(); running.Wait() })
	streams := stream.New(store, stream.Config{})
	running.Go(func() { _ = streams.Run(ctx) })
	listen(ctx, t, &running, streams, parkedAgency)
	listen(ctx, t, &running, streams, livingAgency)

	ended := make(chan error, 1)
	running.Go(func() { ended <- app.RunReactors(ctx, log, updates, streams) })
	chain := &chain{t: t, log: log}
	appendUntil(chain, parkedAgency, store.parked)
	require.Equal(t, livingAgency, appendUntil(chain, livingAgency, store.woken), "the parked agency is not notified of records that cannot be read")
	require.NotContains(t, drained(store.woken), parkedAgency)

	cancel()
	require.NoError(t, ledgertest.Receive(t, ended), "wake-ups that wait for the parked agency end with the process")
}

// chain appends changes, in order for each agency.
type chain struct {
	t       *testing.T
	log     *eventlog.Log
	version int64
}

func (c *chain) append(agency string) {
	c.version++
	draft := commands.NewDraft(domain.TopicDashboards, agency, domain.DashboardUsersChanged{DashboardChange: domain.DashboardChange{
		Primary: member, Linked: []string{member}, Users: []string{member}, Scopes: []string{"reports"}, MainPOC: map[string][]string{member: {}},
	}}, time.Now())
	draft.Envelope.Subject, draft.Envelope.Chain = member, &domain.ChainLink{Version: c.version, Prev: [32]byte{}}
	require.NoError(c.t, c.log.Append(c.t.Context(), draft))
}

// appendUntil appends changes of an agency until shows receives a value, and returns it. Records
// appended before the reactors listen wake no one.
func appendUntil[T any](c *chain, agency string, shows <-chan T) (value T) {
	c.t.Helper()
	for late := time.After(patience); ; {
		c.append(agency)
		select {
		case value = <-shows:
			return value
		case <-late:
			require.FailNow(c.t, "nothing was received", agency)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// listen opens a stream of notices and returns once it is served.
func listen(ctx context.Context, t *testing.T, running *sync.WaitGroup, streams *stream.Hub, agency string) {
	t.Helper()
	w := &opening{ResponseRecorder: httptest.NewRecorder(), served: make(chan struct{}, 1000)}
	r := httptest.NewRequestWithContext(ctx, "GET", "/api/notices", nil)
	running.Go(func() { _ = streams.ServeNotices(w, r, stream.Listener{ParentAccount: agency, UserID: member}) })
	ledgertest.Receive(t, w.served)
}

// opening signals when a response begins.
type opening struct {
	*httptest.ResponseRecorder

	served chan struct{}
}

func (o *opening) Flush() { o.served <- struct{}{} }

// halfParked is the read side: it never folds records of parkedAgency and has folded all others.
type halfParked struct {
	commands.DashboardStore // its documents and facts, which are not used

	parked chan struct{} // the fold of a parked record was awaited
	woken  chan string   // agencies whose notices were read because of a wake-up
}

func (h *halfParked) Settle(_ context.Context, parent string, _ int64) (domain.Settlement, error) {
	if parent == parkedAgency {
		select {
		case h.parked <- struct{}{}:
		default: // already signaled
		}
	}
	return domain.Settlement{Passed: parent != parkedAgency}, nil
}

func (h *halfParked) Moved(string) <-chan struct{} { return nil }

// Since is called only after a wake-up: sweeps find no heads.
func (h *halfParked) Since(_ context.Context, after stream.Cursor, _ time.Time, _ int) ([]stream.Notice, error) {
	h.woken <- after.ParentAccount
	return nil, nil
}

func (h *halfParked) ConnectionNews(context.Context, []string, time.Time, time.Time) ([]stream.ConnectionNews, error) {
	return nil, nil
}

func (h *halfParked) Heads(context.Context, []string) (map[string]int64, error) { return nil, nil }

func (h *halfParked) Cursor(context.Context, string, string) (int64, bool, error) {
	return 0, false, nil
}

func (h *halfParked) SaveCursors(context.Context, []stream.Cursor) error { return nil }

func drained[T any](from <-chan T) (values []T) {
	for len(from) > 0 {
		values = append(values, <-from)
	}
	return values
}
