package mount_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/mount"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/vault"
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
	boards, err := mount.Open(t.Context(), config)
	require.NoError(t, err)
	ran := make(chan error, 1)
	go func() { ran <- boards.Run(context.Background()) }()
	server := httptest.NewServer(boards.Handler())
	t.Cleanup(func() {
		boards.EndStreams()
		server.Close()
		require.NoError(t, boards.Close())
		require.NoError(t, <-ran)
	})
	m := mounted{t, boards.Handler(), server.URL}
	require.Eventually(t, func() bool { return m.ask(http.MethodGet, "/readyz", "", "").status == http.StatusOK }, patience, often)
	return m
}

func (m mounted) ask(method, path, session, body string) answer {
	m.t.Helper()
	r := httptest.NewRequestWithContext(m.t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if session != "" {
		r.AddCookie(&http.Cookie{Name: "session", Value: session})
	}
	w := httptest.NewRecorder()
	m.handler.ServeHTTP(w, r)
	return answer{w.Code, w.Header(), w.Body.String()}
}

func (m mounted) served(method, path, session, body string) (got answer) {
	m.t.Helper()
	served(func() int { got = m.ask(method, path, session, body); return got.status })
	return got
}

var inPath = regexp.MustCompile(`{[^}]*}`)

// closed counts the routes of a role, and those of them that are closed to who has no rights.
func (m mounted) closed(session string) (closed, routes int) {
	m.t.Helper()
	role := session[strings.LastIndex(session, "/")+1:]
	for _, route := range api.Describe().Operations {
		if !slices.Contains(route.Roles, api.Role(role)) {
			continue
		}
		got := m.ask(route.Method, inPath.ReplaceAllString(route.Pattern, "1"), session, "{}")
		if strings.Contains(got.body, "There is nothing at this address") { // connecting, which these do not configure
			continue
		}
		routes++
		if got.status == http.StatusForbidden && strings.Contains(got.body, accessEnded) {
			closed++
		}
	}
	return closed, routes
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

// requireEnds waits for the ends of what was opened. That they come within ten seconds in production's rhythm another test holds, with a
// clock of its own.
func requireEnds(t *testing.T, opened []<-chan struct{}, who string) {
	t.Helper()
	late := time.After(patience)
	for _, ended := range opened {
		select {
		case <-ended:
		case <-late:
			require.Fail(t, "a stream of who has left goes on after "+patience.String(), who)
		}
	}
}

// somebody has rights in an account of its own, a client's or an agency's.
type somebody struct {
	user    domain.DirectoryUser
	account domain.DirectoryAccount
	role    api.Role
}

func newSomebody(number int, role api.Role) somebody {
	s := somebody{
		user:    domain.DirectoryUser{ID: fmt.Sprintf("d%023x", number), AccountID: fmt.Sprintf("e%023x", number), Active: true},
		account: domain.DirectoryAccount{ID: fmt.Sprintf("e%023x", number), RowID: int64(1000 + number), Active: true},
		role:    role,
	}
	if role == api.RoleClient {
		s.account.ParentAccount = agency
	}
	return s
}

func (s somebody) session() string { return s.user.ID + "/" + s.account.ID + "/" + string(s.role) }

// leaves are the ways to lose one's rights, as records.
var leaves = map[string]func(s somebody, now time.Time) []domain.Draft{
	"inactive": func(s somebody, now time.Time) []domain.Draft {
		s.user.Active = false
		return []domain.Draft{commands.EntityDraft(s.user, now)}
	},
	"erased": func(s somebody, now time.Time) []domain.Draft {
		return []domain.Draft{
			commands.NewDraft(domain.TopicOperations, agency, domain.PersonErased{User: s.user.ID}, now), commands.EraseDraft(domain.KindUser, s.user.ID, now),
		}
	},
	"moved": func(s somebody, now time.Time) []domain.Draft {
		s.user.AccountID = client
		return []domain.Draft{commands.EntityDraft(s.user, now)}
	},
	"demoted": func(s somebody, now time.Time) []domain.Draft {
		s.account.ParentAccount = map[api.Role]string{api.RoleAgency: agency}[s.role]
		return []domain.Draft{commands.EntityDraft(s.account, now)}
	},
	"account inactive": func(s somebody, now time.Time) []domain.Draft {
		s.account.Active = false
		return []domain.Draft{commands.EntityDraft(s.account, now)}
	},
	"unknown": func(s somebody, now time.Time) []domain.Draft {
		return []domain.Draft{commands.EraseDraft(domain.KindUser, s.user.ID, now)}
	},
}

// A main application's sessions outlive rights here: by the handler that it mounts, and with the rhythms of production, nobody who has left has
// any. Then records of the directory wait: after a minute what they would want most is closed to all.
func TestMountedWhoLeftIsOut(t *testing.T) {
	t.Parallel()
	r := runBeside(t)
	known := serveMounted(t, r.config(api.AuthenticatorFunc(bySession)))
	config := r.config(api.AuthenticatorFunc(bySession))
	config.UnknownUsers = true
	allowing := serveMounted(t, config)

	staff := alice + "/" + agency + "/agency"
	people := map[string]somebody{} // by what happens to them
	for i, fate := range slices.Sorted(maps.Keys(leaves)) {
		people[fate+" agency"], people[fate+" client"] = newSomebody(2*i, api.RoleAgency), newSomebody(2*i+1, api.RoleClient)
	}
	people["active agency"], people["active client"] = newSomebody(100, api.RoleAgency), newSomebody(101, api.RoleClient)
	for _, s := range people {
		require.NoError(t, r.log.AppendBulk(t.Context(), []domain.Draft{commands.EntityDraft(s.account, time.Now()), commands.EntityDraft(s.user, time.Now())}))
	}
	open := map[string][]<-chan struct{}{}
	for fate, s := range people {
		if s.role == api.RoleClient {
			board := `{"allow_client_dashboard":true,"scopes":["analytics"],"users":["` + s.user.ID + `"]}`
			put := func() bool {
				return known.ask(http.MethodPut, "/api/projects/dashboard/"+s.account.ID, staff, board).status == http.StatusOK
			}
			require.Eventually(t, put, patience, often, "the directory knows the client and its user")
		}
		for name, m := range map[string]mounted{"known": known, "allowing": allowing} {
			var closed, routes int
			require.Eventually(t, func() bool {
				closed, routes = m.closed(s.session())
				return closed == 0 && m.ask(http.MethodGet, "/api/stats", s.session(), "").status == http.StatusOK
			}, patience, often, fate)
			require.Greater(t, routes, 20, fate)
			open[fate+" "+name] = m.opened(s.session())
		}
	}
	for fate, s := range people {
		if leave := leaves[strings.TrimSuffix(fate, " "+string(s.role))]; leave != nil {
			require.NoError(t, r.log.AppendBulk(t.Context(), leave(s, time.Now())))
		}
	}
	for fate, s := range people {
		for name, m := range map[string]mounted{"known": known, "allowing": allowing} {
			if strings.HasPrefix(fate, "active") || strings.HasPrefix(fate, "unknown") && name == "allowing" {
				continue
			}
			var closed, routes int
			require.Eventually(t, func() bool { closed, routes = m.closed(s.session()); return closed == routes }, patience, often, fate)
			require.Greater(t, routes, 20, fate)
			requireEnds(t, open[fate+" "+name], fate)
			delete(open, fate+" "+name)
		}
	}
	require.Len(t, open, 6)
	for who, streams := range open { // of who stays
		for _, ended := range streams {
			select {
			case <-ended:
				require.Fail(t, "a stream ended", who)
			default:
			}
		}
	}

	r.requireClosedWhileUnknown(t, known, staff)
}

// requireClosedWhileUnknown pauses the directory, appends to it, and looks what is served before and after a minute.
func (r running) requireClosedWhileUnknown(t *testing.T, m mounted, staff string) {
	t.Helper()
	pool, err := vault.Open(t.Context(), r.databaseURL)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	pauses := vault.NewPauses(pool)
	_, err = pauses.Pause(t.Context(), domain.Pause{
		Kind: domain.PauseProjection, Name: "directory", Since: time.Now(), Actor: "ops", Reason: domain.Reason{Code: domain.ReasonMaintenance},
	})
	require.NoError(t, err)
	board := "/api/projects/dashboard/" + client
	const opens = `{"allow_client_dashboard":true}`
	leaver := newSomebody(200, api.RoleAgency)
	waits, appended := time.Now(), time.Time{}
	deadline := waits.Add(patience)
	for m.leftUnknown() == "" {
		require.True(t, time.Now().Before(deadline))
		if m.directoryLag() == 0 && time.Since(appended) > time.Second { // the projector took it before it saw the pause
			appended = time.Now()
			require.NoError(t, r.log.AppendBulk(t.Context(), []domain.Draft{commands.EntityDraft(leaver.user, appended)}))
			require.Equal(t, http.StatusOK, m.served(http.MethodPut, board, staff, opens).status, "the last known state holds")
		}
		time.Sleep(often)
	}
	require.Greater(t, time.Since(waits), time.Minute)
	ready := m.served(http.MethodGet, "/readyz", "", "")
	require.Equal(t, http.StatusOK, ready.status, "degraded, and in service")
	require.Contains(t, ready.body, `"status":"degraded"`)
	require.Contains(t, m.leftUnknown(), "it is not known who has left")
	require.Equal(t, http.StatusServiceUnavailable, m.ask(http.MethodPut, board, staff, opens).status)
	for _, path := range []string{board + "/history", "/api/audit/history", "/api/audit/export?format=jsonl&dashboard=" + client} {
		closed := m.ask(http.MethodGet, path, staff, "")
		require.Equal(t, http.StatusServiceUnavailable, closed.status, path)
		require.NotEmpty(t, closed.header.Get("Retry-After"))
	}
	for _, path := range []string{board, "/api/me", "/api/stats", insightsPath()} {
		path = strings.Replace(path, "/getAccount", "/auth/getAccount", 1)
		require.Equal(t, http.StatusOK, m.served(http.MethodGet, path, staff, "").status, path)
	}
	m.opened(staff)

	_, err = pauses.Resume(t.Context(), domain.PauseProjection, "directory")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return m.leftUnknown() == "" }, patience, 100*time.Millisecond)
	require.Equal(t, http.StatusOK, m.served(http.MethodPut, board, staff, opens).status)
}

// readiness is what /readyz says, as far as these tests read it.
type readiness struct {
	Checks []struct {
		Name   string `json:"name"`
		Reason string `json:"reason"`
	} `json:"checks"`
	Projections []struct {
		Name string `json:"name"`
		Lag  int64  `json:"lag_events"`
	} `json:"projections"`
}

// readiness is empty when the answer cannot be read.
func (m mounted) readiness() (r readiness) {
	if json.Unmarshal([]byte(m.ask(http.MethodGet, "/readyz", "", "").body), &r) != nil {
		return readiness{}
	}
	return r
}

// leftUnknown is why it is not known who has left; "": it is.
func (m mounted) leftUnknown() string {
	for _, check := range m.readiness().Checks {
		if check.Name == "directory of people" {
			return check.Reason
		}
	}
	return "there is no such check"
}

func (m mounted) directoryLag() int64 {
	for _, p := range m.readiness().Projections {
		if p.Name == "directory" {
			return p.Lag
		}
	}
	return 0
}
