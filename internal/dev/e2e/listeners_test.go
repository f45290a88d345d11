//go:build e2e

package e2e_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
)

// heard is one line of a listener: what a script in testdata/js prints.
type heard struct {
	Kind    string          `json:"kind"` // connect, disconnect, event, …
	Text    string          `json:"text"` // the event's name, the transport, the reason
	Active  bool            `json:"active"`
	Payload json.RawMessage `json:"payload"`
	ID      string          `json:"id"`
}

const (
	noticeEvent = "client_access_removed"
	cursorEvent = "notice_cursor"
)

type listener struct {
	t    *testing.T
	name string
	user string

	mu    sync.Mutex
	lines []heard
}

func (l *listener) hear(line heard) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

func (l *listener) all() []heard {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]heard(nil), l.lines...)
}

func (l *listener) count(kind, text string) (n int) {
	for _, line := range l.all() {
		if line.Kind == kind && (text == "" || line.Text == text) {
			n++
		}
	}
	return n
}

func (l *listener) await(n int, kind, text string) {
	l.t.Helper()
	for deadline := time.Now().Add(patience); l.count(kind, text) < n; time.Sleep(pollEvery) {
		if time.Now().After(deadline) {
			l.t.Fatalf("%s did not hear %s %s %d times in %s, but\n%s", l.name, kind, text, n, patience, l.transcript())
		}
	}
}

// away waits until the listener has noticed that its connection is gone.
func (l *listener) away(times int) { l.t.Helper(); l.await(times, "disconnect", "") }

// notices are the ids of the notices in the order they came. Each must name the listener's user.
func (l *listener) notices() []string {
	ids := []string{}
	for _, line := range l.all() {
		if line.Kind == "event" && line.Text == noticeEvent {
			require.JSONEq(l.t, `{"user_id":"`+l.user+`"}`, string(line.Payload), l.name)
			ids = append(ids, line.ID)
		}
	}
	return ids
}

// expect waits for the last of ids and requires that exactly ids came, each once and in order.
func (l *listener) expect(ids ...string) {
	last := ids[len(ids)-1]
	for deadline := time.Now().Add(patience); ; time.Sleep(pollEvery) {
		got := l.notices()
		if len(got) > 0 && got[len(got)-1] == last {
			require.Equal(l.t, ids, got, "%s heard\n%s", l.name, l.transcript())
			return
		}
		if time.Now().After(deadline) {
			require.Equal(l.t, ids, got, "%s waited %s and heard\n%s", l.name, patience, l.transcript())
		}
	}
}

func (l *listener) transcript() string {
	var text strings.Builder
	for _, line := range l.all() {
		raw, err := json.Marshal(line)
		require.NoError(l.t, err)
		text.Write(append(raw, '\n'))
	}
	return text.String()
}

// listenJS runs a script of testdata/js in Node until the end of the test.
func listenJS(t *testing.T, name, script, user string, config map[string]any) *listener {
	t.Helper()
	l := &listener{t: t, name: name, user: user}
	needs.Node(t, filepath.Join("testdata", "js"), script, config, l.hear)
	return l
}

// listenSocketIO connects the stock Socket.IO client; without transports it polls, then upgrades.
func listenSocketIO(t *testing.T, name, url, user, token string, transports ...string) *listener {
	t.Helper()
	config := map[string]any{"url": url, "token": token}
	if len(transports) > 0 {
		config["transports"] = transports
	}
	l := listenJS(t, name, "socketio.js", user, config)
	l.await(1, "event", cursorEvent)
	return l
}

// listenEventSource connects an EventSource by a ticket, to hear what comes from now on.
func listenEventSource(t *testing.T, name, url, user, token string) *listener {
	t.Helper()
	l := listenJS(t, name, "eventsource.js", user, map[string]any{"url": url, "token": token})
	l.await(1, "connect", "")
	l.await(1, "event", cursorEvent)
	return l
}
