package stream_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/stream"
)

// closes tells whether a poll is answered with the end of its session: the last packet is CLOSE.
func closes(poll ledgertest.Answer) bool {
	return poll.Status == http.StatusOK && strings.HasSuffix("\x1e"+poll.Body, "\x1e1")
}

// requireEnded requires that a session is refused. The engine may answer CLOSE a moment before it
// forgets the session; a poll of that moment gets a NOOP, and no other.
func requireEnded(t *testing.T, session string) {
	t.Helper()
	answer := <-send(http.MethodGet, session, "", "")
	if answer.Status == http.StatusOK && answer.Body == "6" {
		answer = <-send(http.MethodGet, session, "", "")
	}
	answer.Says(t, http.StatusBadRequest)
}

// patientWithSilence keeps unauthenticated sessions longer than a test takes, so that only the test
// ends them.
var patientWithSilence = stream.Config{AuthTimeout: time.Hour}

// pollingSession opens a polling session and returns its URL.
func pollingSession(t *testing.T, n *node) string {
	t.Helper()
	session, err := openSession(n)
	require.NoError(t, err)
	return session
}

func openSession(n *node) (address string, err error) {
	url := n.url + "/socket.io/?EIO=4&transport=polling"
	greeting := <-send(http.MethodGet, url, "", "")
	_, sid, found := strings.Cut(greeting.Body, `"sid":"`)
	if !found {
		err = fmt.Errorf("no session: %v", greeting)
	}
	sid, _, _ = strings.Cut(sid, `"`)
	return url + "&sid=" + sid, err
}

// send sends a request of a session, and does not wait for its answer.
func send(method, session, contentType, body string) <-chan ledgertest.Answer {
	answers := make(chan ledgertest.Answer, 1)
	go func() {
		answers <- ledgertest.Send(ledgertest.Once, method, session, body, "Content-Type: "+contentType)
	}()
	return answers
}

// A session that never authenticates is closed, and its poll is answered.
func TestPollOfSilentSessionIsAnswered(t *testing.T) {
	t.Parallel()
	n := startNode(t, newStore(), &tokens{}, nil, stream.Config{AuthTimeout: 50 * time.Millisecond})
	session := ""
	for tries, answer := 0, (ledgertest.Answer{}); !closes(answer); tries++ {
		session = pollingSession(t, n)
		answer = <-send(http.MethodGet, session, "", "")
		late := answer.Status == http.StatusBadRequest && tries < 100
		require.True(t, closes(answer) || late, "%v", answer)
	}
	requireEnded(t, session)
}

// Of two concurrent polls the second is refused, and the first is answered with the end of the
// session.
func TestOverlappingPollsEndTheSession(t *testing.T) {
	t.Parallel()
	session := pollingSession(t, startNode(t, newStore(), &tokens{}, nil, patientWithSilence))
	first, second := send(http.MethodGet, session, "", ""), send(http.MethodGet, session, "", "")
	answers := []ledgertest.Answer{<-first, <-second}
	if answers[0].Status != http.StatusOK {
		answers[0], answers[1] = answers[1], answers[0]
	}
	require.True(t, closes(answers[0]), "%v", answers[0])
	require.Equal(t, http.StatusBadRequest, answers[1].Status)
	requireEnded(t, session)
}

// A payload that cannot be decoded is refused and ends the session at once.
func TestInvalidPacketsEndTheSession(t *testing.T) {
	t.Parallel()
	n := startNode(t, newStore(), &tokens{}, nil, patientWithSilence)
	for name, packet := range map[string]struct{ contentType, body string }{
		"no packet":             {"text/plain", "abc"},
		"valid, then no packet": {"text/plain", "3\x1eabc"},
		"empty":                 {"text/plain", ""},
		"a server's ping":       {"text/plain", "2"},
		"not Socket.IO":         {"text/plain", "4abc"},
		"unclosed JSON":         {"text/plain", `40{"token":`},
		"before it connects":    {"text/plain", `42["hello"]`},
		"binary":                {"application/octet-stream", "\x00\x01"},
		"longer than allowed":   {"text/plain", "4" + strings.Repeat("x", 100<<10)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			session := pollingSession(t, n)
			poll := send(http.MethodGet, session, "", "")
			refused := <-send(http.MethodPost, session, packet.contentType, packet.body)
			if name == "longer than allowed" {
				refused.Says(t, http.StatusRequestEntityTooLarge)
			} else {
				refused.Says(t, http.StatusBadRequest)
			}
			answer := <-poll // it may arrive before or after the packet
			require.True(t, closes(answer) || answer.Status == http.StatusBadRequest, "%v", answer)
			requireEnded(t, session)
		})
	}
}

const (
	quickClients = 400
	quickAtATime = 40
)

// A message that arrives before the engine is set up is not lost.
func TestMessageBeforeWebSocketSetupIsNotLost(t *testing.T) {
	t.Parallel()
	sockets := startNode(t, newStore(), &tokens{}, nil, patientWithSilence).sockets
	at := ledgertest.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sockets.ServeHTTP(&slowSetup{ResponseWriter: w}, r)
	}))
	address := strings.Replace(at, "http", "ws", 1) + "/socket.io/?EIO=4&transport=websocket"
	conn, response, err := websocket.DefaultDialer.Dial(address, nil)
	require.NoError(t, err)
	defer conn.Close()
	_ = response.Body.Close()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	require.NoError(t, conn.WriteMessage(websocket.TextMessage, []byte(`40{"token":"token-of-`+alice+`"}`)))
	for {
		_, message, err := conn.ReadMessage()
		require.NoError(t, err, "the server has not received the message")
		if bytes.HasPrefix(message, []byte("40")) {
			return
		}
	}
}

// slowSetup delays the engine while it sets up a websocket: at that point it asks for the address.
type slowSetup struct{ http.ResponseWriter }

func (s *slowSetup) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(s.ResponseWriter).Hijack()
	return &slowConn{Conn: conn, read: make(chan struct{})}, buffered, err
}

type slowConn struct {
	net.Conn

	once sync.Once
	read chan struct{} // closed when something was read
}

func (s *slowConn) Read(into []byte) (int, error) {
	n, err := s.Conn.Read(into)
	s.once.Do(func() { close(s.read) })
	return n, err
}

func (s *slowConn) RemoteAddr() net.Addr {
	select {
	case <-s.read: // too early: the engine does not listen yet
		time.Sleep(10 * time.Millisecond)
	case <-time.After(300 * time.Millisecond):
	}
	return s.Conn.RemoteAddr()
}

// Many concurrent long polls: the response that names the session arrives when the session exists.
func TestConcurrentLongPollOpeningIsNotLost(t *testing.T) {
	t.Parallel()
	n := startNode(t, newStore(), &tokens{}, nil, patientWithSilence)
	var group errgroup.Group
	group.SetLimit(quickAtATime)
	for i := range quickClients {
		group.Go(func() error {
			session, err := openSession(n)
			if err != nil {
				return err
			}
			<-send(http.MethodPost, session, "text/plain", fmt.Sprintf(`40{"token":"token-of-%s"}`, user(i)))
			if answer := <-send(http.MethodGet, session, "", ""); !strings.HasPrefix(answer.Body, "40") {
				return fmt.Errorf("client %d: response %v", i, answer)
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
}
