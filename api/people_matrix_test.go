package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/stream"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// leaver is a user with access, in an account of its own.
type leaver struct {
	user    domain.DirectoryUser
	account domain.DirectoryAccount
	role    api.Role
}

// fates are the changes that may end a user's access, as records, and whether the user has access
// afterward.
var fates = map[string]struct {
	records        func(leaver) []domain.Draft
	known, allowed bool // where all must be known; where unknown users are allowed
}{
	"active": {func(l leaver) []domain.Draft {
		l.user.Name, l.user.ResetPending = "Another name", true
		return entityDrafts(l.user)
	}, true, true},
	"inactive": {func(l leaver) []domain.Draft { l.user.Active = false; return entityDrafts(l.user) }, false, false},
	"erased": {func(l leaver) []domain.Draft {
		return []domain.Draft{
			commands.NewDraft(domain.TopicOperations, agency, domain.PersonErased{User: l.user.ID}, time.Now()),
			commands.EraseDraft(domain.KindUser, l.user.ID, time.Now()),
		}
	}, false, false},
	"moved": {func(l leaver) []domain.Draft { l.user.AccountID = client2; return entityDrafts(l.user) }, false, false},
	"demoted": {func(l leaver) []domain.Draft { // the agency becomes a client; the client an agency
		if l.role == api.RoleAgency {
			l.account.ParentAccount = agency
		} else {
			l.account.ParentAccount = ""
		}
		return entityDrafts(l.account)
	}, false, false},
	"account inactive": {func(l leaver) []domain.Draft { l.account.Active = false; return entityDrafts(l.account) }, false, false},
	"unknown": {func(l leaver) []domain.Draft {
		return []domain.Draft{commands.EraseDraft(domain.KindUser, l.user.ID, time.Now())}
	}, false, true},
}

func entityDrafts(entity domain.DirectoryEntity) []domain.Draft {
	return []domain.Draft{commands.EntityDraft(entity, time.Now())}
}

// Every entry point admits a user until the record that ends the access, and refuses the user
// afterward; streams end.
func TestEndedAccessIsRefusedEverywhere(t *testing.T) {
	t.Parallel()
	for _, unknownUsers := range []bool{false, true} {
		t.Run(fmt.Sprintf("unknown users allowed: %t", unknownUsers), func(t *testing.T) {
			t.Parallel()
			platform := new(dialogs)
			people := &countedPeople{asked: map[string]int{}}
			b := setupTenants(t, func(d *api.Deps) {
				d.Connect.SignIn = platform.SignIn
				d.UnknownUsers = unknownUsers
				d.Streams = runHub(t, stream.Config{Recheck: 50 * time.Millisecond})
				people.People = directory.People{Pool: d.Entities.Pool}
				d.People = people
			})
			b.now = time.Now() // streams end with their tokens
			base := b.serve()
			var cases []*matrixCase
			for fate := range fates {
				for _, role := range []api.Role{api.RoleAgency, api.RoleClient} {
					m := newMatrixCase(t, b, base, len(cases)+1, role)
					m.platform, m.fate = platform, fate
					require.Zero(t, m.refusals(), "%s as %s, before", fate, role)
					m.open()
					cases = append(cases, m)
				}
			}
			asked := map[string]int{}
			for _, m := range cases {
				for _, draft := range fates[m.fate].records(m.leaver) {
					require.NoError(t, b.facts.Append(t.Context(), draft))
				}
				asked[m.user.ID] = people.times(m.user.ID)
			}
			for _, m := range cases {
				stays, ways := fates[m.fate].known, 0
				if unknownUsers {
					stays = fates[m.fate].allowed
				}
				// What was answered before is forgotten when an open stream has had the directory
				// asked again, and is cut by that.
				if stays {
					ledgertest.Eventually(t, func() bool { return people.times(m.user.ID) > asked[m.user.ID] })
				} else {
					for _, s := range m.streams {
						var lines []string
						for s.lines.Scan() {
							lines = append(lines, s.lines.Text())
						}
						require.NoError(m.t, s.lines.Err())
						require.Contains(m.t, lines, ": This listener has lost its access.", m.fate)
					}
					for packet, err := heard(m.socket); err == nil && packet != "41" && packet != "1"; {
						packet, err = heard(m.socket)
					}
					ways = m.ways
				}
				require.Equal(t, ways, m.refusals(), "%s as %s, after: ways in that are closed", m.fate, m.role)
				// The code of the platform's callback is redeemed only for a user with access.
				before := m.platform.redeemed.Load()
				page := m.comeBack(m.back)
				require.Equal(m.t, !stays, m.pageRefused(page, nil), "%s as %s", m.fate, m.role)
				codes := int32(0)
				if stays {
					codes = 1
				}
				require.Equal(m.t, codes, m.platform.redeemed.Load()-before, "%s as %s: codes that were redeemed", m.fate, m.role)
			}
		})
	}
}

// countedPeople is a directory that counts the queries for each user.
type countedPeople struct {
	directory.People

	mu    sync.Mutex
	asked map[string]int
}

func (c *countedPeople) UserStatus(ctx context.Context, user, account string) (domain.UserStatus, error) {
	c.mu.Lock()
	c.asked[user]++
	c.mu.Unlock()
	return c.People.UserStatus(ctx, user, account)
}

func (c *countedPeople) times(user string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked[user]
}

// matrixCase is one user at every entry point.
type matrixCase struct {
	leaver

	t       *testing.T
	b       *bundle
	fate    string
	url     string
	token   string
	tickets map[string]string // by the path of their stream
	ways    int               // that the person may try
	streams []*liveStream
	socket  *websocket.Conn

	platform      *dialogs
	browser       *visitor // in which the person has begun to connect
	start, choose string   // its pages
	back          string   // what the platform's dialog leads to, of a sign-in that has not come back yet
	link          string   // that the person made for somebody without a login
}

func newMatrixCase(t *testing.T, b *bundle, url string, number int, role api.Role) *matrixCase {
	t.Helper()
	m := &matrixCase{t: t, b: b, url: url, leaver: leaver{
		user:    domain.DirectoryUser{ID: fmt.Sprintf("d%023x", number), AccountID: fmt.Sprintf("e%023x", number), Name: "Somebody", Active: true},
		account: domain.DirectoryAccount{ID: fmt.Sprintf("e%023x", number), RowID: int64(1000 + number), Name: "Somewhere", Active: true},
		role:    role,
	}}
	if role == api.RoleClient {
		m.account.ParentAccount = agency
	}
	b.facts.Put(t, m.account, m.user, domain.DirectorySubscription{ID: int64(1000 + number), AccountID: m.account.ID, StartsAt: time.Now().AddDate(-1, 0, 0)})
	if role == api.RoleClient {
		yes, users, scopes := true, []string{m.user.ID}, []string{"analytics", "connect"}
		b.update(domain.UpdateDashboard{Primary: m.account.ID, AllowClientDashboard: &yes, Users: &users, Scopes: &scopes})
	}
	m.token = b.token(m.account.ID, role, map[string]any{"sub": m.user.ID})
	m.tickets, m.browser = map[string]string{}, &visitor{b: b}
	for _, path := range []string{"/api/notices", "/api/live"} {
		m.tickets[path] = ticket(t, b, m.token, path, "").Ticket
	}
	m.start = m.begin()
	m.choose = m.comeBack(atPlatform(t, m.browser.visit(m.begin(), nil)))
	m.back = atPlatform(t, m.browser.visit(m.begin(), nil))
	m.link = m.made("/api/connect/links", `{"platforms":[1],"days":1,"account":"`+m.account.ID+`"}`, "url")
	return m
}

// comeBack follows a callback to the next page.
func (m *matrixCase) comeBack(back string) (page string) {
	m.t.Helper()
	came := m.browser.visit(back, nil).Says(m.t, http.StatusSeeOther)
	return came.Header.Get("Location")
}

// begin starts a sign-in and returns its first page.
func (m *matrixCase) begin() string {
	m.t.Helper()
	return m.made("/api/connect", `{"platform":1,"account":"`+m.account.ID+`"}`, "start_url")
}

// made creates something and returns its URL.
func (m *matrixCase) made(path, body, address string) string {
	m.t.Helper()
	made := m.b.ask(http.MethodPost, path, body, "Authorization: Bearer "+m.token).Says(m.t, http.StatusOK)
	return made.Object(m.t)["data"].(map[string]any)[address].(string)
}

// refusals tries every entry point and counts the refusals.
func (m *matrixCase) refusals() (closed int) {
	m.t.Helper()
	m.ways = 0
	count := func(refused bool) {
		m.ways++
		if refused {
			closed++
		}
	}
	for _, route := range m.b.server.Routes() {
		if !slices.Contains(route.Roles, m.role) {
			continue
		}
		body := ""
		if route.Method == http.MethodPut {
			body = "{}"
		}
		answer := ledgertest.Ask(m.t, m.b.server, route.Method, ownPath(route.Pattern), body, "Authorization: Bearer "+m.token)
		count(answer.Status == http.StatusForbidden && strings.Contains(answer.Body, accessEnded))
	}
	require.Greater(m.t, m.ways, 20)
	for _, path := range []string{"/api/live", "/api/notices"} {
		count(m.streamRefused(path, "Authorization: Bearer "+m.token))
	}
	for path, ticket := range m.tickets {
		count(m.streamRefused(path+"?ticket="+ticket, "Sec-Fetch-Site: same-origin"))
	}
	count(m.pageRefused(m.start, nil))
	count(m.pageRefused(m.choose, nil))
	count(m.pageRefused(m.choose, url.Values{"seen": {"nothing"}}))
	count(m.linkRefused())
	count(m.connect(accessEnded) == nil)
	return closed
}

func (m *matrixCase) streamRefused(path, header string) bool {
	m.t.Helper()
	s := m.b.listen(m.url+path, "", header)
	defer s.response.Body.Close()
	if s.response.StatusCode == http.StatusOK {
		require.True(m.t, s.lines.Scan(), "the stream has begun")
		require.NotContains(m.t, s.lines.Text(), "refused")
	}
	if s.response.StatusCode != http.StatusForbidden {
		return false
	}
	raw, err := io.ReadAll(s.response.Body)
	require.NoError(m.t, err)
	return strings.Contains(string(raw), accessEnded)
}

// pageRefused requests a page for connecting, or sends its form.
func (m *matrixCase) pageRefused(address string, form url.Values) bool {
	m.t.Helper()
	page := m.browser.visit(address, form)
	if page.Status != http.StatusForbidden {
		require.Contains(m.t, page.Body, "Somewhere", "the page is shown")
		return false
	}
	require.Contains(m.t, page.Body, accessEnded)
	return true
}

// linkRefused follows the link as a person who received it.
func (m *matrixCase) linkRefused() bool {
	m.t.Helper()
	page := (&visitor{b: m.b}).visit(m.link, nil)
	if page.Status == http.StatusOK {
		require.Contains(m.t, page.Body, "Somewhere")
		return false
	}
	page.Says(m.t, http.StatusNotFound, "is no longer valid")
	return true
}

// connect opens a websocket of Socket.IO. If it is refused, connect returns nil and the reason.
func (m *matrixCase) connect(why string) *websocket.Conn {
	m.t.Helper()
	address := strings.Replace(m.url, "http", "ws", 1) + "/socket.io/?EIO=4&transport=websocket"
	socket, response, err := websocket.DefaultDialer.Dial(address, nil)
	require.NoError(m.t, err)
	require.NoError(m.t, response.Body.Close())
	m.t.Cleanup(func() { socket.Close() })
	require.NoError(m.t, socket.WriteMessage(websocket.TextMessage, []byte(`40{"token":"`+m.token+`"}`)))
	for {
		packet, err := heard(socket)
		require.NoError(m.t, err)
		switch {
		case strings.HasPrefix(packet, "40"):
			return socket
		case strings.HasPrefix(packet, "44"):
			var refused struct{ Message string }
			require.NoError(m.t, json.Unmarshal([]byte(packet[2:]), &refused))
			require.Contains(m.t, refused.Message, why)
			return nil
		}
	}
}

// heard returns the next packet of a websocket and answers pings.
func heard(socket *websocket.Conn) (string, error) {
	_, packet, err := socket.ReadMessage()
	if string(packet) == "2" {
		err = socket.WriteMessage(websocket.TextMessage, []byte("3"))
	}
	return string(packet), err
}

// open opens the connections that must end.
func (m *matrixCase) open() {
	m.t.Helper()
	for _, path := range []string{"/api/live", "/api/notices"} {
		s := m.b.listen(m.url+path, m.token)
		require.Equal(m.t, http.StatusOK, s.response.StatusCode)
		m.streams = append(m.streams, s)
	}
	m.socket = m.connect(accessEnded)
	require.NotNil(m.t, m.socket, "it is connected")
}
