package mount_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/mount"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

const accessEnded = "Your access has ended. Ask your agency."

// bySession is an authenticator of a main application that goes on believing its sessions; the cookie says "<user>/<account>/<role>". They end in
// hours: streams of a session without an end are opened again after minutes, which a slow machine needs for a test.
func bySession(r *http.Request) (api.Principal, error) {
	session, err := r.Cookie("session")
	if err != nil {
		return api.Principal{}, domain.NewError(domain.CodeUnauthenticated, "Sign in.")
	}
	is := strings.Split(session.Value, "/")
	return api.Principal{UserID: is[0], AccountID: is[1], Roles: api.Roles{api.Role(is[2])}, ExpiresAt: time.Now().Add(12 * time.Hour)}, nil
}

// mounted is a handler in a main application that serves it.
type mounted struct {
	t       *testing.T
	handler http.Handler
	url     string
}

func serveMounted(t *testing.T, config mount.Config) mounted {
	t.Helper()
	boards := open(t, config)
	server := httptest.NewServer(boards.Handler())
	t.Cleanup(func() {
		boards.EndStreams()
		server.Close()
	})
	return mounted{t, boards.Handler(), server.URL}
}

// refused tells whether a session has no rights any more.
func (m mounted) refused(session string) bool {
	w := get(m.handler, "/api/stats", session)
	return w.Code == http.StatusForbidden && strings.Contains(w.Body.String(), accessEnded)
}

// opened opens the two streams and a websocket of Socket.IO, and returns channels that are closed when the server ends them.
func (m mounted) opened(session string) (ended []<-chan struct{}) {
	m.t.Helper()
	for _, path := range []string{"/api/notices", "/api/live"} {
		r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, m.url+path, http.NoBody)
		require.NoError(m.t, err)
		r.AddCookie(&http.Cookie{Name: "session", Value: session})
		response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r) //nolint:bodyclose // untilEnd closes it
		require.NoError(m.t, err)
		lines := bufio.NewReader(response.Body)
		first, err := lines.ReadString('\n')
		require.NoError(m.t, err)
		require.NotContains(m.t, first, "refused", "%s of %s", path, session)
		ended = append(ended, untilEnd(response.Body, func() error {
			_, err := lines.ReadString('\n')
			return err
		}))
	}
	socket, response, err := websocket.DefaultDialer.Dial(
		strings.Replace(m.url, "http", "ws", 1)+"/socket.io/?EIO=4&transport=websocket", http.Header{"Cookie": {"session=" + session}})
	require.NoError(m.t, err)
	response.Body.Close()
	read := func() (string, error) {
		_, packet, err := socket.ReadMessage()
		return string(packet), err
	}
	_, err = read()
	require.NoError(m.t, err)
	require.NoError(m.t, socket.WriteMessage(websocket.TextMessage, []byte("40")))
	connected, err := read()
	require.NoError(m.t, err)
	require.Contains(m.t, connected, `40{"sid"`, session)
	return append(ended, untilEnd(socket, func() error {
		packet, err := read()
		if packet == "2" { // its ping
			return socket.WriteMessage(websocket.TextMessage, []byte("3"))
		}
		if packet == "41" || packet == "1" {
			return io.EOF
		}
		return err
	}))
}

func untilEnd(c io.Closer, next func() error) <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer c.Close()
		for next() == nil {
		}
	}()
	return ended
}

// Sessions of a main application outlive rights: by the handler that it mounts, and with the intervals of production, people who have left are
// out, also of open streams. All ways to leave, and every route, are tried by TestWhoLeftIsOutEverywhere (api).
func TestMountedWhoLeftIsOut(t *testing.T) {
	t.Parallel()
	r := runBeside(t)
	config := r.config(api.AuthenticatorFunc(bySession))
	handlers := map[string]mounted{"known": serveMounted(t, config)}
	config.UnknownUsers = true
	handlers["allowing"] = serveMounted(t, config)

	users := map[string]domain.DirectoryUser{}
	sessions := map[string]string{}
	for i, fate := range []string{"active", "erased", "unknown"} {
		users[fate] = domain.DirectoryUser{ID: fmt.Sprintf("d%023x", i), AccountID: agency, Active: true}
		sessions[fate] = users[fate].ID + "/" + agency + "/agency"
		require.NoError(t, r.log.AppendBulk(t.Context(), []domain.Draft{commands.EntityDraft(users[fate], time.Now())}))
	}
	streams := map[string][]<-chan struct{}{}
	for name, m := range handlers {
		for fate, session := range sessions {
			require.Eventually(t, func() bool { return get(m.handler, "/api/stats", session).Code == http.StatusOK }, patience, often, fate)
			streams[fate+" "+name] = m.opened(session)
		}
	}
	require.NoError(t, r.log.AppendBulk(t.Context(), []domain.Draft{
		commands.NewDraft(domain.TopicOperations, agency, domain.PersonErased{User: users["erased"].ID}, time.Now()),
		commands.EraseDraft(domain.KindUser, users["erased"].ID, time.Now()), commands.EraseDraft(domain.KindUser, users["unknown"].ID, time.Now()),
	}))
	for name, m := range handlers {
		for fate, session := range sessions {
			if fate == "active" || fate == "unknown" && name == "allowing" {
				continue
			}
			require.Eventually(t, func() bool { return m.refused(session) }, patience, often, "%s %s", fate, name)
			for _, ended := range streams[fate+" "+name] {
				select {
				case <-ended:
				case <-time.After(patience):
					require.Fail(t, "a stream of somebody who has left goes on", "%s %s", fate, name)
				}
			}
			delete(streams, fate+" "+name)
		}
	}
	require.Len(t, streams, 3)
	for stays, all := range streams {
		fate, name, _ := strings.Cut(stays, " ")
		require.Equal(t, http.StatusOK, get(handlers[name].handler, "/api/stats", sessions[fate]).Code, stays)
		for _, ended := range all {
			select {
			case <-ended:
				require.Fail(t, "a stream ended", stays)
			default:
			}
		}
	}
}
