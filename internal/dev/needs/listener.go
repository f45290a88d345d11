package needs

import (
	"encoding/json"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience bounds the waits of listeners: only failing tests reach it.
const patience = 5 * time.Minute

// Line is what a script of a listener prints of one thing that it heard.
type Line struct {
	Kind    string          `json:"kind"`   // connect, disconnect, event, …
	Text    string          `json:"text"`   // the event's name, the transport, the reason
	Active  bool            `json:"active"` // it will reconnect by itself
	Payload json.RawMessage `json:"payload"`
	ID      string          `json:"id"`
}

// Listener is a script that listens to a service with a stock client.
type Listener struct {
	t     testing.TB
	name  string
	input io.Writer

	mu    sync.Mutex
	lines []Line
	read  int // lines that Next has passed
}

// Listen runs a script of a folder as [Script] does.
func Listen(t testing.TB, name, folder, script string, config any) *Listener {
	t.Helper()
	l := &Listener{t: t, name: name}
	l.input = Script(t, folder, script, config, func(line Line) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.lines = append(l.lines, line)
	})
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(l.Transcript())
		}
	})
	return l
}

// Tell sends a command to the script.
func (l *Listener) Tell(command map[string]any) {
	l.t.Helper()
	raw, err := json.Marshal(command)
	require.NoError(l.t, err)
	_, err = l.input.Write(append(raw, '\n'))
	require.NoError(l.t, err)
}

// All returns what it has heard so far.
func (l *Listener) All() []Line {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Line(nil), l.lines...)
}

func (l Line) is(kind, text string) bool {
	return l.Kind == kind && (text == "" || l.Text == text)
}

// Count returns how often it has heard a kind and, unless it is empty, a text.
func (l *Listener) Count(kind, text string) (n int) {
	for _, line := range l.All() {
		if line.is(kind, text) {
			n++
		}
	}
	return n
}

// Await waits until it has heard a kind and a text so often.
func (l *Listener) Await(n int, kind, text string) {
	l.t.Helper()
	require.Eventually(l.t, func() bool { return l.Count(kind, text) >= n }, patience, 10*time.Millisecond,
		"%s waits to hear %s %s %d times", l.name, kind, text, n)
}

// Next waits for the next line of a kind and a text, behind those that it returned before.
func (l *Listener) Next(kind, text string) (line Line) {
	l.t.Helper()
	require.Eventually(l.t, func() bool {
		for all := l.All(); l.read < len(all); {
			line = all[l.read]
			if l.read++; line.is(kind, text) {
				return true
			}
		}
		return false
	}, patience, 10*time.Millisecond, "%s waits to hear %s %s", l.name, kind, text)
	return line
}

// Transcript is all that it has heard, for the message of a test that fails.
func (l *Listener) Transcript() string {
	var text strings.Builder
	for _, line := range l.All() {
		raw, err := json.Marshal(line)
		require.NoError(l.t, err)
		text.Write(append(raw, '\n'))
	}
	return l.name + " heard\n" + text.String()
}
