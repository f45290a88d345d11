package app_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/signin"
)

// operated is a service that an operator looks at in the console.
type operated struct {
	*app.Service

	t       *testing.T
	broker  *ledgertest.Broker
	db      *pgtest.DB
	pages   http.Handler
	sent    []*pgtest.Statements // of the pools of operators
	cookies []*http.Cookie
}

func newOperated(t *testing.T) *operated {
	t.Helper()
	o := &operated{t: t, broker: ledgertest.NewBroker(t, ledgertest.Partitions(1)), db: pgtest.New(t)}
	var err error
	o.Service, err = app.Open(t.Context(), app.Config{
		Storage: app.Storage{
			KafkaBrokers: o.broker.ListenAddrs(), DatabaseURL: o.db.URL, DataDir: t.TempDir(), Subscriptions: app.SubscriptionsNone,
		},
		Tokens: app.Tokens{JWTSecret: strings.Repeat("s", 32), JWTIssuer: "i", JWTAudience: "a"}, People: app.People{Directory: app.DirectoryLocal},
		Roles: []string{app.RoleAPI, app.RoleProjector}, Embedded: embedded.Directory{Path: t.TempDir()}, Logger: ledgertest.Quiet,
		Demo: []signin.Person{{UserID: "ops", Role: "operator"}},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, o.Close()) })
	for _, loop := range o.Loops() {
		ledgertest.Run(t, loop.Run)
	}
	ledgertest.Receive(t, o.Monitor.Readable())
	require.NoError(t, o.CountOperators(t.Context(), func(pool *pgxpool.Pool) *pgxpool.Pool {
		counted, statements := pgtest.Traced(t, pool)
		o.sent = append(o.sent, statements)
		return counted
	}))
	_, o.pages, err = o.Handler(t.Context(), nil)
	require.NoError(t, err)
	o.send(http.MethodGet, "/console/sign-in", nil)
	o.send(http.MethodPost, "/console/sign-in/demo", url.Values{"role": {"operator"}})
	return o
}

func (o *operated) send(method, path string, form url.Values) string {
	o.t.Helper()
	r := httptest.NewRequest(method, "http://localhost:6001"+path, strings.NewReader(form.Encode()))
	r.RemoteAddr = "127.0.0.1:50000" // the demo signs in people on this machine
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, cookie := range o.cookies {
		r.AddCookie(cookie)
	}
	w := httptest.NewRecorder()
	o.pages.ServeHTTP(w, r)
	require.Less(o.t, w.Code, http.StatusBadRequest, "%s %s", method, path)
	o.cookies = append(o.cookies, w.Result().Cookies()...)
	return w.Body.String()
}

// statements returns how many statements operations of operators have sent since the last call.
func (o *operated) statements() (n int) {
	for _, pool := range o.sent {
		n += len(pool.Take())
	}
	return n
}

// grow adds paused connections of clients, with what was done to them, dead letters, and generations.
func (o *operated) grow(from, to int) {
	o.t.Helper()
	ops, err := o.Operators(o.t.Context())
	require.NoError(o.t, err)
	var drafts []domain.Draft
	for i := from; i < to; i++ {
		client, member := fmt.Sprintf("c%023x", i), int64(1000+i)
		for _, entity := range []domain.DirectoryEntity{
			domain.DirectoryAccount{ID: client, RowID: member, ParentAccount: livingAgency, Name: fmt.Sprint("Client ", i), Active: true},
			domain.DirectoryMember{ID: member, AccountID: client, Name: fmt.Sprint("Member ", i), Active: true},
			domain.DirectoryConnection{ID: member, MemberID: member, Platform: domain.Facebook, SecretRef: fmt.Sprint("token ", member)},
			domain.DirectorySocialAccount{
				ID: member, ParentAccount: livingAgency, AccountID: client, MemberID: member, ConnectionID: member,
				Platform: domain.Facebook, ExternalID: fmt.Sprint(member), Name: fmt.Sprint("Page ", i), Connected: true,
			},
		} {
			drafts = append(drafts, commands.EntityDraft(entity, time.Now()))
		}
		o.broker.Produce(eventlog.Record{Topic: domain.TopicContents, Key: fmt.Append(nil, "bad ", i), Value: []byte("{")}, 0)
		ledgertest.Exec(o.t, o.db.Pool, `
			insert into lb_engine.generations (projection, generation, version, topic, state, ended_at)
			values ('contents', $1, 1, 'contents', 'dropped', now())`, 100+i)
	}
	for _, err := range o.Log.AppendBatch(o.t.Context(), drafts) {
		require.NoError(o.t, err)
	}
	o.await(to, "select count(*) from tSAccounts")
	for i := from; i < to; i++ {
		require.NoError(o.t, ops.Pause(o.t.Context(), commands.Caller{UserID: "ops", Role: "operator"},
			domain.PauseConnection, fmt.Sprint(1000+i), domain.Reason{Code: domain.ReasonTest}))
	}
	o.await(2*to, "select count(*) from operations_trail where actor = 'ops'")
	o.await(to, "select count(*) from lb_engine.dead_letters")
}

func (o *operated) await(rows int, sql string) {
	o.t.Helper()
	ledgertest.Eventually(o.t, func() bool { return ledgertest.Value[int](o.t, o.ReadPool, sql) == rows }, sql)
}

// The pages of operators run on the operations of a service with a log. They need as many statements for
// many connections, actions, pauses, dead letters and generations as for one of each.
func TestOperatorPagesNeedNoMoreStatementsForMoreRows(t *testing.T) {
	t.Parallel()
	o := newOperated(t)
	count := func() map[string]int {
		of := map[string]int{}
		for path, says := range map[string]string{
			"":                                       "onnection 1000 (Page 0 on Facebook, client Client 0) is paused",
			"/projections":                           "contents",
			"/projections/generations/contents.g100": "Generation 100 of contents",
			"/dead-letters":                          "contents-0-0",
			"/platforms":                             "Page 0",
			"/log":                                   domain.TopicDashboards,
			"/actions":                               "connection 10",
			"/do/rebuild/contents":                   "Rebuild contents",
			"/do/pause-platform/facebook":            "of 1 agency",
			"/do/pause-connection/1000":              "It is already paused.",
			"/do/show/contents-0-0":                  "Show contents-0-0",
		} {
			o.statements()
			shown := strings.NewReplacer("<bdi>", "", "</bdi>", "", "\u2068", "", "\u2069", "").Replace(o.send(http.MethodGet, "/console/ops"+path, nil))
			require.Contains(t, shown, says, path)
			of[path] = o.statements()
		}
		return of
	}
	o.grow(0, 1)
	one := count()
	o.grow(1, 40)
	many := count()
	t.Log("statements by page:", many)
	require.Equal(t, one, many)
}

var drawnFor = regexp.MustCompile(`name="drawn_for" value="([^"]+)"`)

// act sends the form of an action, as a person does who has opened its page.
func (o *operated) act(action string) string {
	o.t.Helper()
	asked := o.send(http.MethodGet, "/console/ops/do/"+action, nil)
	return o.send(http.MethodPost, "/console/ops/do/"+action, url.Values{
		"code": {"test"}, "drawn_for": {drawnFor.FindStringSubmatch(asked)[1]},
	})
}

func (o *operated) shows(path, text string) {
	o.t.Helper()
	ledgertest.Eventually(o.t, func() bool { return strings.Contains(o.send(http.MethodGet, "/console/ops"+path, nil), text) }, "%s: %s", path, text)
}

// What an operator does in the console happens, and the pages show it.
func TestOperatorActsInTheConsole(t *testing.T) {
	t.Parallel()
	o := newOperated(t)
	o.shows("", "The service is healthy: it serves reads and changes")
	o.act("pause-projection/contents")
	o.shows("", "Projection contents is paused")
	o.shows("/do/pause-projection/contents", "It is already paused.")
	o.act("resume-projection/contents")
	o.shows("", "The service is healthy")
	o.act("rebuild/contents")
	o.shows("/projections/generations/contents.g2", "Done. Readers use this generation.")
	o.shows("/actions", "rebuild requested")
}
