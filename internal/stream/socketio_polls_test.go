package stream_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/stream"
)

// pollAnswer is what a request of a polling session was told.
type pollAnswer struct {
	status int
	body   string
}

// closed is what a poll hears whose session is over.
var closed = pollAnswer{http.StatusOK, "1"}

// patientWithSilence keeps sessions whose opener says nothing for longer than a test takes: what ends one is what the test did.
var patientWithSilence = stream.Config{AuthTimeout: time.Hour}

// pollingSession opens a session that polls, and returns its address.
func pollingSession(t *testing.T, n *node) string {
	t.Helper()
	session, err := openSession(n)
	require.NoError(t, err)
	return session
}

func openSession(n *node) (address string, err error) {
	url := n.url + "/socket.io/?EIO=4&transport=polling"
	greeting, err := ask(http.MethodGet, url, "")
	_, sid, _ := strings.Cut(greeting, `"sid":"`)
	sid, _, _ = strings.Cut(sid, `"`)
	return url + "&sid=" + sid, err
}

// send sends a request of a session. A poll that is never answered is status 0.
func send(method, session, contentType, body string) <-chan pollAnswer {
	answers := make(chan pollAnswer, 1)
	go func() {
		defer close(answers)
		request, err := http.NewRequest(method, session, strings.NewReader(body))
		if err != nil {
			return
		}
		request.Header.Set("Content-Type", contentType)
		response, err := (&http.Client{Timeout: patience}).Do(request)
		if err != nil {
			return
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err == nil {
			answers <- pollAnswer{response.StatusCode, string(text)}
		}
	}()
	return answers
}

// Who opens a session and never says who it is, is cut, and its poll is told so.
func TestPollOfSilentSessionIsAnswered(t *testing.T) {
	t.Parallel()
	session := pollingSession(t, startNode(t, newStore(), &tokens{}, nil, stream.Config{AuthTimeout: time.Second}))
	require.Equal(t, closed, <-send(http.MethodGet, session, "", ""))
	require.Equal(t, http.StatusBadRequest, (<-send(http.MethodGet, session, "", "")).status, "the session is over")
}

// Of two polls at once the second is refused, and the first is told that the session is over: the client is broken, and knows it.
func TestOverlappingPollsEndTheSession(t *testing.T) {
	t.Parallel()
	session := pollingSession(t, startNode(t, newStore(), &tokens{}, nil, patientWithSilence))
	first, second := send(http.MethodGet, session, "", ""), send(http.MethodGet, session, "", "")
	answers := []pollAnswer{<-first, <-second}
	if answers[0].status != http.StatusOK {
		answers[0], answers[1] = answers[1], answers[0]
	}
	require.Equal(t, closed, answers[0])
	require.Equal(t, http.StatusBadRequest, answers[1].status)
	require.Equal(t, http.StatusBadRequest, (<-send(http.MethodGet, session, "", "")).status, "the session is over")
}

func TestClosedServerRefusesNewConnections(t *testing.T) {
	t.Parallel()
	n := startNode(t, newStore(), &tokens{}, nil, stream.Config{})
	sockets, ok := n.sockets.(*stream.SocketIO)
	require.True(t, ok)
	sockets.Close()
	_, err := openSession(n)
	require.ErrorContains(t, err, "answered 503")
}

// What cannot be decoded is refused and ends the session; nobody waits for it.
func TestInvalidPacketsEndTheSession(t *testing.T) {
	t.Parallel()
	n := startNode(t, newStore(), &tokens{}, nil, patientWithSilence)
	for name, packet := range map[string]struct{ contentType, body string }{
		"no packet":           {"text/plain", "abc"},
		"good, then none":     {"text/plain", "3\x1eabc"},
		"empty":               {"text/plain", ""},
		"a server's ping":     {"text/plain", "2"},
		"not of Socket.IO":    {"text/plain", "4abc"},
		"unclosed JSON":       {"text/plain", `40{"token":`},
		"before it connects":  {"text/plain", `42["hello"]`},
		"binary":              {"application/octet-stream", "\x00\x01"},
		"longer than allowed": {"text/plain", "4" + strings.Repeat("x", 100<<10)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			session := pollingSession(t, n)
			poll := send(http.MethodGet, session, "", "")
			refused := <-send(http.MethodPost, session, packet.contentType, packet.body)
			if name == "longer than allowed" {
				require.Equal(t, http.StatusRequestEntityTooLarge, refused.status)
				return
			}
			require.Equal(t, http.StatusBadRequest, refused.status, refused.body)
			answer := <-poll // it came first, or behind the packet
			require.True(t, answer == closed || answer.status == http.StatusBadRequest, "%v", answer)
			require.Equal(t, http.StatusBadRequest, (<-send(http.MethodGet, session, "", "")).status, "the session is over")
		})
	}
}
