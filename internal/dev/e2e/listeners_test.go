//go:build e2e

package e2e_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
)

const (
	noticeEvent = "client_access_removed"
	cursorEvent = "notice_cursor"
)

// listener is somebody's page.
type listener struct {
	*needs.Listener

	t    *testing.T
	user string
}

// away waits until the listener has noticed that its connection is gone.
func (l *listener) away(times int) { l.t.Helper(); l.Await(times, "disconnect", "") }

// notices are the ids of the notices in the order they came. Each must name the listener's user.
func (l *listener) notices() []string {
	ids := []string{}
	for _, line := range l.All() {
		if line.Kind == "event" && line.Text == noticeEvent {
			require.JSONEq(l.t, `{"user_id":"`+l.user+`"}`, string(line.Payload))
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
			require.Equal(l.t, ids, got, "%s", l.Transcript())
			return
		}
		if time.Now().After(deadline) {
			require.Equal(l.t, ids, got, "after %s %s", patience, l.Transcript())
		}
	}
}

// listenJS runs a script of testdata/js in Node until the end of the test.
func listenJS(t *testing.T, name, script, user string, config map[string]any) *listener {
	t.Helper()
	return &listener{needs.Listen(t, name, filepath.Join("testdata", "js"), script, config), t, user}
}

// listenSocketIO connects the stock Socket.IO client; without transports it polls, then upgrades.
func listenSocketIO(t *testing.T, name, url, user, token string, transports ...string) *listener {
	t.Helper()
	config := map[string]any{"url": url, "token": token, "delay": 50}
	if len(transports) > 0 {
		config["transports"] = transports
	}
	l := listenJS(t, name, "socketio.js", user, config)
	l.Await(1, "event", cursorEvent)
	return l
}

// listenEventSource connects an EventSource by a ticket, to hear what comes from now on.
func listenEventSource(t *testing.T, name, url, user, token string) *listener {
	t.Helper()
	l := listenJS(t, name, "eventsource.js", user, map[string]any{"url": url, "token": token})
	l.Await(1, "connect", "")
	l.Await(1, "event", cursorEvent)
	return l
}
