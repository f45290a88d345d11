package stream_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

const (
	quickClients = 400
	quickAtATime = 40
)

// A message that arrives before the engine is set up is not lost.
func TestQuickWebSocketIsNotLost(t *testing.T) {
	t.Parallel()
	sockets := startNode(t, newStore(), &tokens{}, nil, patientWithSilence).sockets
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sockets.ServeHTTP(&slowSetup{ResponseWriter: w}, r)
	}))
	t.Cleanup(server.Close)
	address := strings.Replace(server.URL, "http", "ws", 1) + "/socket.io/?EIO=4&transport=websocket"
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

func (c *slowConn) Read(into []byte) (int, error) {
	n, err := c.Conn.Read(into)
	c.once.Do(func() { close(c.read) })
	return n, err
}

func (c *slowConn) RemoteAddr() net.Addr {
	select {
	case <-c.read: // too early: the engine does not listen yet
		time.Sleep(10 * time.Millisecond)
	case <-time.After(300 * time.Millisecond):
	}
	return c.Conn.RemoteAddr()
}

// Many concurrent long polls: the response that names the session arrives when the session exists.
func TestQuickLongPollIsNotLost(t *testing.T) {
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
			if answer := <-send(http.MethodGet, session, "", ""); !strings.HasPrefix(answer.body, "40") {
				return fmt.Errorf("client %d: response %v", i, answer)
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
}
