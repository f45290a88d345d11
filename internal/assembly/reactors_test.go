package assembly_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/stream"
)

const (
	parkedAgency = "5f1d7f3b8c9d440001a1b2c3"
	livingAgency = "5f1d7f3b8c9d440001a1b2d4"
	onlooker     = "5f1d7f3b8c9d440001a1b2f6" // has a sweep never look at one of the other agencies alone
	member       = "5f1d7f3b8c9d440001a1b2e5"
)

// patience is less than a wake-up waits for the fold of its record.
const patience = 30 * time.Second

// One agency's stream is parked, so that its record is never folded. The next record of the same partition is another
// agency's: its listeners are woken at once. The end of the process waits for neither.
func TestWakeUpsOfAnAgencyWaitForNoOther(t *testing.T) {
	t.Parallel()
	log := onePartition(t)
	store := &halfParked{parked: make(chan struct{}, 1), woken: make(chan string, 1000)}
	updates := commands.NewDashboards(commands.DashboardsConfig{
		Store: store, Log: log, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		Refused: func(error) bool { return true }, TooLarge: func(error) bool { return false },
	})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	t.Cleanup(func() { cancel(); running.Wait() })
	streams := stream.New(store, stream.Config{})
	running.Go(func() { _ = streams.Run(ctx) })
	listen(ctx, t, &running, streams, onlooker)
	listen(ctx, t, &running, streams, parkedAgency)
	listen(ctx, t, &running, streams, livingAgency)

	ended := make(chan error, 1)
	running.Go(func() { ended <- assembly.RunReactors(ctx, log, updates, streams) })
	chain := &chain{t: t, log: log}
	appendUntil(chain, parkedAgency, store.parked)
	require.Equal(t, livingAgency, appendUntil(chain, livingAgency, store.woken), "the parked agency is not told of what cannot be read")
	require.NotContains(t, drained(store.woken), parkedAgency)

	cancel()
	require.NoError(t, await(t, ended), "what still waits for the parked agency ends with the process")
}

// onePartition is a log whose agencies all live in one partition.
func onePartition(t *testing.T) *eventlog.Log {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	topics, err := assembly.Topics()
	require.NoError(t, err)
	for i := range topics {
		topics[i].Partitions = 1
	}
	log, err := eventlog.Open(t.Context(), eventlog.Config{Brokers: cluster.ListenAddrs(), Topics: topics})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, log.Close()) })
	return log
}

// chain appends changes, each agency's one after the other.
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

// appendUntil appends changes of an agency until one shows, and returns how: a record counts from the moment on at which the reactors hear, and
// what a sweep finds first wakes nobody.
func appendUntil[T any](c *chain, agency string, shows <-chan T) (value T) {
	c.t.Helper()
	for late := time.After(patience); ; {
		c.append(agency)
		select {
		case value = <-shows:
			return value
		case <-late:
			require.FailNow(c.t, "nothing shows", agency)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// listen opens a stream of notices and returns when it is served.
func listen(ctx context.Context, t *testing.T, running *sync.WaitGroup, streams *stream.Hub, agency string) {
	t.Helper()
	w := &opening{ResponseRecorder: httptest.NewRecorder(), served: make(chan struct{}, 1000)}
	r := httptest.NewRequestWithContext(ctx, "GET", "/api/notices", nil)
	running.Go(func() { _ = streams.ServeNotices(w, r, stream.Listener{ParentAccount: agency, UserID: member}) })
	await(t, w.served)
}

// opening tells when an answer begins.
type opening struct {
	*httptest.ResponseRecorder

	served chan struct{}
}

func (o *opening) Flush() { o.served <- struct{}{} }

// halfParked is the read side: it never folds what is parkedAgency's, and has folded all else.
type halfParked struct {
	commands.DashboardStore // its documents and facts, which nobody asks for

	parked chan struct{} // the fold of a parked record was waited for
	woken  chan string   // whose notices were looked for because of a wake-up
}

func (h *halfParked) Settle(_ context.Context, parent string, _ int64) (domain.Settlement, error) {
	if parent == parkedAgency {
		select {
		case h.parked <- struct{}{}:
		default: // it is known already
		}
	}
	return domain.Settlement{Passed: parent != parkedAgency}, nil
}

func (h *halfParked) Moved(string) <-chan struct{} { return nil }

// Scan is of one agency after a wake-up; a sweep looks at all who listen.
func (h *halfParked) Scan(_ context.Context, spans []stream.Span, _ time.Time, _ int) ([]stream.Notice, error) {
	if len(spans) == 1 && spans[0].ParentAccount != onlooker {
		h.woken <- spans[0].ParentAccount
	}
	return nil, nil
}

func (h *halfParked) Since(context.Context, stream.Cursor, time.Time, int) ([]stream.Notice, error) {
	return nil, nil
}

func (h *halfParked) ConnectionNews(context.Context, []string, time.Time, time.Time) ([]stream.ConnectionNews, error) {
	return nil, nil
}
func (h *halfParked) Head(context.Context, string) (int64, error) { return 0, nil }

func (h *halfParked) Cursor(context.Context, string, string) (int64, bool, error) {
	return 0, false, nil
}

func (h *halfParked) SaveCursors(context.Context, []stream.Cursor) error { return nil }

func await[T any](t *testing.T, from <-chan T) (value T) {
	t.Helper()
	select {
	case value = <-from:
	case <-time.After(patience):
		require.FailNow(t, "nothing came")
	}
	return value
}

func drained[T any](from <-chan T) (values []T) {
	for len(from) > 0 {
		values = append(values, <-from)
	}
	return values
}
