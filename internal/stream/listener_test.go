package stream_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/leaks"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/stream"
)

func TestMain(m *testing.M) { leaks.Main(m) }

const (
	agency  = "aaaaaaaaaaaaaaaaaaaaaaaa"
	agency2 = "bbbbbbbbbbbbbbbbbbbbbbbb"
	client1 = "c10000000000000000000001"
	client2 = "c10000000000000000000002"
	alice   = "a11ce0000000000000000000"
	bob     = "b0b000000000000000000000"
)

const patience = ledgertest.Patience

// inBubble runs a hub in a synctest bubble, so that waiting for sweeps takes no time.
func inBubble(t *testing.T, test func(t *testing.T, hub *stream.Hub, store *memoryStore)) {
	t.Helper()
	inBubbleWith(t, stream.Config{}, test)
}

func inBubbleWith(t *testing.T, cfg stream.Config, test func(t *testing.T, hub *stream.Hub, store *memoryStore)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		hub, stop := start(t, store, cfg)
		test(t, hub, store)
		stop()
		require.Zero(t, hub.NoticeListeners())
	})
}

// start runs a hub; stop waits until the hub and its streams have ended.
func start(t *testing.T, store *memoryStore, cfg stream.Config) (hub *stream.Hub, stop func()) {
	t.Helper()
	hub = stream.New(store, cfg)
	end := ledgertest.Run(t, hub.Run)
	return hub, func() {
		end()
		synctest.Wait()
	}
}

// listener is a stream in a bubble: what it got and how it ended.
type listener struct {
	mu       sync.Mutex
	out      strings.Builder
	last     string // the last block taken
	accounts []string
	refusal  error
	asked    int
	blocked  chan struct{} // writes wait for it; nil: they do not wait
	query    string        // query of the URL that it opens

	cancel context.CancelFunc
	ended  bool
	fault  error // error of a stream that did not start
}

func (l *listener) Header() http.Header { return http.Header{} }
func (l *listener) WriteHeader(int)     {}
func (l *listener) Flush()              {}

func (l *listener) Write(piece []byte) (int, error) {
	if l.blocked != nil {
		<-l.blocked
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(piece)
}

// retryLine is the line that starts a stream.
var retryLine = regexp.MustCompile(`^retry: [0-9]+\n`)

// take returns the events and comments since the last call, after all pending ones have arrived.
func (l *listener) take() (blocks []string) {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	for block := range strings.SplitSeq(l.out.String(), "\n\n") {
		block = retryLine.ReplaceAllString(block, "")
		if block != "" && block != ": keep-alive" {
			blocks = append(blocks, block)
			l.last = block
		}
	}
	l.out.Reset()
	return blocks
}

// afterStart takes what a stream begins with.
func (l *listener) afterStart() *listener {
	l.take()
	return l
}

func (l *listener) over() bool {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}

// reason returns the last comment of the stream as an error once it has ended, or nil without a
// comment.
func (l *listener) reason() error {
	l.take()
	for _, reason := range []error{stream.ErrExpired, stream.ErrAccessLost, stream.ErrReplaced, stream.ErrClosed} {
		if l.over() && strings.HasSuffix(reason.Error(), strings.TrimPrefix(l.last, ": ")) {
			return reason
		}
	}
	return nil
}

func (l *listener) see(accounts ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accounts = accounts
}

func (l *listener) refuse(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refusal = err
}

func (l *listener) access(context.Context) ([]string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	return l.accounts, l.refusal
}

// open serves a stream until the listener is disconnected or canceled.
func (l *listener) open(t *testing.T, serve func(http.ResponseWriter, *http.Request, stream.Listener) error, who stream.Listener, lastID string) *listener {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l.cancel = cancel
	t.Cleanup(cancel)
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/"+l.query, http.NoBody)
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	if who.Access == nil {
		who.Access = l.access
	}
	go func() {
		err := serve(l, r, who)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.ended = true
		if err != nil {
			l.fault = err
			l.out.WriteString("refused: " + err.Error())
		}
	}()
	synctest.Wait()
	return l
}

// close ends the stream like a client that disconnects.
func (l *listener) close() {
	l.cancel()
	synctest.Wait()
}

// ids takes the ids of the notices since the last call; "closed" marks the end.
func (l *listener) ids() (ids []string) {
	for _, block := range l.take() {
		if strings.HasPrefix(block, "event: client_access_removed\n") {
			ids = append(ids, field(block, "id: "))
		}
	}
	if l.over() {
		ids = append(ids, "closed")
	}
	return ids
}

// field returns the text after a name in a block.
func field(block, name string) string {
	for line := range strings.SplitSeq(block, "\n") {
		if value, ok := strings.CutPrefix(line, name); ok {
			return value
		}
	}
	return ""
}

var errAway = errors.New("the database is away")
