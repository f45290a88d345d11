package main

import (
	"context"
	"encoding/json"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

// The simulator's buttons, through the whole service: who removes the app has the connection wait, who wants to be forgotten is erased and can
// see so.
func TestMetaHasPeopleForgotten(t *testing.T) {
	sim := simulator.New(simulator.Config{Seed: 1, ClientID: "app", ClientSecret: "APPSECRET"})
	sim.AddPeople(time.Now().AddDate(0, -1, 0))
	platform := httptest.NewServer(sim)
	t.Cleanup(platform.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)

	s := eraseSettings(t.TempDir())
	s.SecretsKey, s.PublicURL = strings.Repeat("ab", 32), "http://127.0.0.1:6001"
	s.Subscriptions = subscriptionsNone
	s.PlatformsURL = platform.URL
	s.FacebookAppID, s.FacebookAppSecret = "app", "APPSECRET"
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	p, err := s.open(ctx, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	err = p.run(ctx, "127.0.0.1:0", func(_ context.Context, base string) error {
		defer stop()
		require.Eventually(t, func() bool { return p.Monitor.MayCommand() == nil }, patience, 10*time.Millisecond)
		m := metaStage{t, p, base, platform.URL}
		m.begin()
		m.connect()
		require.Contains(t, m.press("remove"), "It answered 200")
		m.eventually("select count(*) from connection_states where state = 'reconnect' and reason like '%removed our app at Facebook%'", 1)
		m.eventually("select count(*) from kept.secrets", 0)

		m.connect()
		m.eventually("select count(*) from kept.secrets", 2)
		said := m.press("erase")
		require.Contains(t, said, "It answered 200")
		var told struct {
			URL  string `json:"url"`
			Code string `json:"confirmation_code"`
		}
		require.NoError(t, json.Unmarshal([]byte(regexp.MustCompile(`\{"url".*\}`).FindString(said)), &told), said)
		require.Equal(t, s.PublicURL+"/connect/meta/delete/"+told.Code, told.URL)
		require.Eventually(t, func() bool {
			return strings.Contains(m.get(base+"/connect/meta/delete/"+told.Code), "Your request is done")
		}, patience, 100*time.Millisecond)
		for query, want := range map[string]int{
			"select count(*) from members": 0, "select count(*) from tMemberAuth": 0, "select count(*) from kept.secrets": 0, "select count(*) from kept.grants": 0,
			"select count(*) from tSAccounts where not connected": 1, "select count(*) from tSAccounts where connected": 0, "select count(*) from kept.deletion_requests where person <> ''": 0,
			"select count(*) from operations_trail where data #>> '{order,by}' = 'platform' and data #>> '{order,reason,ticket}' = '" + told.Code + "'": 1,
		} {
			m.eventually(query, want)
		}
		return nil
	})
	require.NoError(t, err)
	require.NoError(t, p.Close())
}

// metaStage is a service beside a simulated Facebook.
type metaStage struct {
	*testing.T

	p              *process
	base, platform string
}

func (m metaStage) begin() {
	for _, entity := range []domain.DirectoryEntity{
		domain.DirectoryAccount{ID: eraseAgency, RowID: 1, Name: "Agency", Active: true},
		domain.DirectoryAccount{ID: eraseClient, RowID: 2, ParentAccount: eraseAgency, Name: "Client", Active: true},
	} {
		require.NoError(m, m.p.Log.Append(m.Context(), commands.EntityDraft(entity, time.Now())))
	}
	m.eventually("select count(*) from accounts", 2)
}

// connect has a person sign in at the simulator and connects one page.
func (m metaStage) connect() {
	const browser, page = "A BROWSER OF TWENTY-SIX CHARACTERS", "1.0.90014"
	may := func(context.Context, domain.ConnectRequester) error { return nil }
	desk := m.p.Connect
	begun, err := desk.Begin(m.Context(), connect.Request{
		ConnectRequester: domain.ConnectRequester{ParentAccount: eraseAgency, AccountID: eraseClient, UserID: eraseStaff, Role: "agency"}, Platform: domain.Facebook,
	}, may)
	require.NoError(m, err)
	opened, err := desk.Open(m.Context(), begun.StartURL[strings.LastIndex(begun.StartURL, "/")+1:], browser, may)
	require.NoError(m, err)
	form := url.Values{"decision": {"consent"}, "scope": {
		"pages_show_list", "pages_read_engagement", "pages_read_user_content", "read_insights", "instagram_basic", "instagram_manage_insights", "business_management",
	}, "page": {"90014"}}
	r, err := http.NewRequestWithContext(m.Context(), http.MethodPost, opened.Address+"&as="+simulator.Jonas, strings.NewReader(form.Encode()))
	require.NoError(m, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(m, err)
	require.NoError(m, resp.Body.Close())
	back, err := resp.Location()
	require.NoError(m, err)
	id, err := desk.CallBack(m.Context(), connect.CameBack{Platform: domain.Facebook, State: back.Query().Get("state"), Code: back.Query().Get("code"), Cookie: browser}, may)
	require.NoError(m, err)
	view, err := desk.View(m.Context(), id, browser, may)
	require.NoError(m, err)
	require.NotNil(m, view.Choice, "%+v", view.Outcome)
	require.NoError(m, desk.Choose(m.Context(), id, connect.Chosen{Cookie: browser, Pages: []string{page}, Seen: view.Choice.Seen}, may))
}

// press presses one of the simulator's buttons and returns what it shows. The service listens elsewhere than where it is known to be.
func (m metaStage) press(decision string) string {
	list := html.UnescapeString(m.get(m.platform + simulator.PathFacebook + simulator.PathApps))
	form := url.Values{"as": {simulator.Jonas}, "decision": {decision}}
	for _, call := range []string{"deauthorize", "delete"} {
		require.Contains(m, list, "http://127.0.0.1:6001/connect/meta/"+call)
		form.Set(call, m.base+"/connect/meta/"+call)
	}
	r, err := http.NewRequestWithContext(m.Context(), http.MethodPost, m.platform+simulator.PathFacebook+simulator.PathApps, strings.NewReader(form.Encode()))
	require.NoError(m, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return html.UnescapeString(m.answer(r))
}

func (m metaStage) get(address string) string {
	r, err := http.NewRequestWithContext(m.Context(), http.MethodGet, address, http.NoBody)
	require.NoError(m, err)
	return m.answer(r)
}

func (m metaStage) answer(r *http.Request) string {
	resp, err := http.DefaultClient.Do(r)
	require.NoError(m, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(m, err)
	return string(raw)
}

func (m metaStage) eventually(query string, want int) {
	m.Helper()
	var got int
	require.Eventually(m, func() bool {
		return m.p.ReadPool.QueryRow(m.Context(), query).Scan(&got) == nil && got == want
	}, patience, 20*time.Millisecond, "%s: want %d", query, want)
}
