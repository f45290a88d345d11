package console_test

import (
	"context"
	"encoding/xml"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/console"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// A figures page contains the address of its stream. The stream comes from the API and resumes after
// the last event.
func TestTheStreamOfFigures(t *testing.T) {
	t.Parallel()
	s, b := figuresStage(t, "agency")
	b.get("/console/clients/"+bakery+"/figures").says(http.StatusOK, `data-live="/console/stream?account=`+bakery+`"`)

	s.answers["GET /api/live"] = func(api.Principal, *http.Request) (int, any) { return http.StatusOK, "event: figures_changed" }
	stream := b.send(http.MethodGet, "/console/stream?account="+bakery+"&ticket=stolen", nil, func(r *http.Request) { r.Header.Set("Last-Event-ID", "p.7.1") })
	require.Equal(t, http.StatusOK, stream.Code)
	require.Contains(t, stream.Body.String(), "figures_changed")
	require.Contains(t, s.asked, "GET /api/live?account="+bakery+"&last_event_id=p.7.1", "nothing else goes along")
	require.Empty(t, stream.Header().Get("Access-Control-Allow-Origin"))

	s.refuse("GET /api/live", http.StatusNotFound, domain.CodeNotFound, "There is no such account. Check its id.")
	require.Equal(t, http.StatusNotFound, b.get("/console/stream?account="+agency).Code, "a browser gives up")

	require.Equal(t, http.StatusUnauthorized, s.browser().get("/console/stream?account="+bakery).Code)
	s.signedIn("auditor").get("/console/stream").says(http.StatusForbidden, "does not have access to this page")
}

// Streams end within ten seconds after their session.
func TestStreamsEndWithTheSession(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := bareStage(t)
		s.deps.API = scripted{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			<-r.Context().Done()
		}), map[string]func(context.Context) any{api.GetMe.ID: func(context.Context) any { return directory.Me{UserID: clara} }}}
		s.open()
		begin := time.Now()
		ended := make(chan time.Duration, 3)
		leaving, staying := s.signedIn("client"), s.signedIn("client")
		closing, closeTab := context.WithCancel(t.Context())
		watch := func(b *browser, path string) {
			b.send(http.MethodGet, path, nil, func(r *http.Request) { *r = *r.WithContext(closing) })
			ended <- time.Since(begin)
		}
		go watch(leaving, "/console/stream?dashboard="+bakery)
		go watch(leaving, "/console/stream/notices")
		go watch(staying, "/console/stream/notices")
		time.Sleep(time.Hour + time.Second)
		require.Empty(t, ended, "streams do not end before their sessions")
		leaving.post("/console/sign-out", url.Values{})
		require.Equal(t, time.Hour+10*time.Second, <-ended)
		require.Equal(t, time.Hour+10*time.Second, <-ended)
		time.Sleep(time.Hour)
		closeTab()
		require.Equal(t, 2*time.Hour+10*time.Second, <-ended)
	})
}

// If the stream of a board's figures ends because the board was closed, it reports that.
func TestBoardStreamReportsClosing(t *testing.T) {
	t.Parallel()
	s := newFake(t)
	s.answers["GET /api/live"] = func(api.Principal, *http.Request) (int, any) { return http.StatusOK, "event: figures_changed" }
	b := s.signedIn("client")
	told := func() string { return b.get("/console/stream?dashboard=" + bakery).Body.String() }
	s.answer("GET /api/projects/dashboard/"+bakery, []readmodels.DashboardView{{SubAccountID: bakery}}, nil)
	require.NotContains(t, told(), "board_closed", "the board is open: the browser reconnects")
	for _, code := range []domain.Code{domain.CodeForbidden, domain.CodeNotFound} {
		s.refuse("GET /api/projects/dashboard/"+bakery, http.StatusForbidden, code, "It is not open to you.")
		require.Contains(t, told(), "event: board_closed\ndata: {\"sub_account_ids\":[\""+bakery+"\"]}\n\n")
	}
	s.refuse("GET /api/projects/dashboard/"+bakery, http.StatusServiceUnavailable, domain.CodeUnavailable, "Not now.")
	require.NotContains(t, told(), "board_closed", "that is not known")
}

// figuresGo intercepts the calls for figures.
func (s *stage) figuresGo(by func(ctx context.Context, op api.Operation, on func())) {
	s.around = func(ctx context.Context, op api.Operation, on func()) {
		if !isOfFigures(op.Method+" "+api.PrefixAnalytics+op.Pattern) || strings.HasPrefix(op.Pattern, "/api/") {
			on()
			return
		}
		by(ctx, op, on)
	}
}

func isOfFigures(call string) bool { return strings.HasPrefix(call, "GET /auth/") }

// crowd blocks requests until four are waiting. A page with sequential requests would time out.
type crowd struct {
	mu       sync.Mutex
	in, most int
	full     chan struct{}
}

func (c *crowd) count(by int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.in += by
	if c.in > c.most {
		if c.most = c.in; c.most == 4 {
			close(c.full)
		}
	}
}

func (c *crowd) pass(ctx context.Context, _ api.Operation, on func()) {
	c.count(1)
	defer c.count(-1)
	select {
	case <-c.full:
	case <-ctx.Done():
	}
	on()
}

// A figures page sends four API requests at a time, never more.
func TestFiguresAreReadConcurrently(t *testing.T) {
	t.Parallel()
	s, staff := reportStage(t)
	s.answer("GET /api/projects/dashboard/"+bakery, []readmodels.DashboardView{{
		SubAccountIDs: []readmodels.LinkedAccount{{ID: bakery, Name: "Harbour Bakery"}}, Scopes: []string{"analytics"},
	}}, nil)
	client := s.signedIn("client")
	for _, page := range []struct {
		of        *browser
		at        string
		questions int
	}{
		{staff, "/console/clients/" + bakery + "/figures", 8},
		{staff, "/console/clients/" + bakery + "/report", 7},
		{client, "/console/board/" + bakery, 8},
	} {
		c := &crowd{full: make(chan struct{})}
		s.figuresGo(c.pass)
		s.asked = nil
		page.of.get(page.at).says(http.StatusOK, "Harbour Bakery")
		require.Len(t, slices.DeleteFunc(s.asked, func(call string) bool { return !isOfFigures(call) }), page.questions, page.at)
		require.Equal(t, 4, c.most, page.at)
	}
}

// A panic during one of the requests results in an error page and does not end the process.
func TestAPanicInARequestIsAnErrorPage(t *testing.T) {
	t.Parallel()
	r := newReal(t, func(d *api.Deps) { d.Analytics = &analytics.Analytics{} }) // has no database
	b := r.signedIn("agency")
	b.get("/console/clients/"+bakery+"/figures").says(http.StatusInternalServerError, "An internal error occurred").lacks("nil pointer")
	b.get("/console/clients/"+bakery+"/people").says(http.StatusOK, "Clara Holm")
}

// Top posts have pictures with addresses of the console.
func TestTopPostsHavePictures(t *testing.T) {
	t.Parallel()
	s, b := figuresStage(t, "agency")
	post := analytics.RankedPost{Post: analytics.Post{ID: "70:urn:li/1 2", PlatformRef: readmodels.PlatformRefOf(domain.LinkedIn)}}
	s.answer("GET /auth/leaderboard/all", analytics.Leaderboard{Posts: []analytics.RankedPost{post}}, nil)
	b.get("/console/clients/"+bakery+"/figures").says(http.StatusOK, `src="/console/pictures/70:urn:li%2F1%202?of=L"`)

	const at = "/api/activities/70:urn:li/1 2/picture"
	s.answers["GET "+at] = func(api.Principal, *http.Request) (int, any) { return http.StatusOK, "a picture" }
	shown := b.get("/console/pictures/70:urn:li%2F1%202?of=L")
	require.Equal(t, http.StatusOK, shown.Code)
	require.Contains(t, shown.Body.String(), "a picture")
	require.Contains(t, s.asked, "GET /api/activities/70:urn:li%2F1%202/picture")
	require.Equal(t, "no-store", shown.Header().Get("Cache-Control"))
}

// A letter replaces a missing picture. Other errors of the API are shown.
func TestALetterReplacesAMissingPicture(t *testing.T) {
	t.Parallel()
	s, b := fakeSignedIn(t, "client")
	for of, letter := range map[string]string{"instagram": "I", "": "?", "<b>": "<", "&amp;": "&", "ß": "ß", "\x00": "?", "\u200b ": "?", "e\u0301lan": "E\u0301", "👩‍🍳 Anna": "👩‍🍳", "\u202eabc": "A"} {
		drawn := b.get("/console/pictures/70:p?" + url.Values{"of": {of}}.Encode())
		require.Equal(t, http.StatusOK, drawn.Code)
		require.Equal(t, "image/svg+xml", drawn.Header().Get("Content-Type"))
		require.Equal(t, "nosniff", drawn.Header().Get("X-Content-Type-Options"))
		require.Contains(t, drawn.Header().Get("Content-Security-Policy"), "default-src 'none'")
		var picture struct {
			Text string `xml:"text"`
		}
		require.NoError(t, xml.Unmarshal(drawn.Body.Bytes(), &picture))
		require.Equal(t, letter, picture.Text)
	}
	s.refuse("GET /api/activities/70:p/picture", http.StatusServiceUnavailable, domain.CodeUnavailable, "Not now.")
	b.get("/console/pictures/70:p").says(http.StatusServiceUnavailable, "Not now.")

	require.Equal(t, http.StatusForbidden, s.signedIn("auditor").get("/console/pictures/70:p").Code)
	require.Equal(t, http.StatusUnauthorized, s.browser().get("/console/pictures/70:p").Code)
}

// A price of 50000 is 50,000 yen, but 500 euros: the decimals are those of the currency.
func TestMoneyHasTheDecimalsOfItsCurrency(t *testing.T) {
	t.Parallel()
	for want, minor := range map[string]int64{
		"50,000 JPY": 50000, "1,234.567 KWD": 1234567, "0.005 BHD": 5, "504.05 EUR": 50405, "0.07 USD": 7, "3 KRW": 3,
		"1.0000 CLF": 10000, "12,345.67 IDR": 1234567, "1.00 XYZ": 100, "0 VND": 0,
	} {
		require.Equal(t, strings.Replace(want, " ", "\u00a0", 1), console.Money(minor, want[len(want)-3:]))
	}
}
