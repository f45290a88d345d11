package console_test

import (
	"context"
	"encoding/xml"
	"io"
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
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// streams is a service whose streams send an event and end.
type streams struct {
	console.Service

	asked string
}

func (s *streams) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.asked = r.URL.RequestURI()
	_, _ = io.WriteString(w, "event: figures_changed")
}

// A figures page contains the address of its stream. The stream comes from the API and resumes after
// the last event.
func TestFiguresStreamResumesAfterLastEvent(t *testing.T) {
	t.Parallel()
	s, b := figuresStage(t, "agency")
	b.get("/console/clients/"+bakery+"/figures").says(http.StatusOK, `data-live="/console/stream?account=`+bakery+`"`)

	live := &streams{Service: s.deps.API}
	s.deps.API = live
	s.open()
	stream := b.send(http.MethodGet, "/console/stream?account="+bakery+"&ticket=stolen", nil, func(r *http.Request) { r.Header.Set("Last-Event-ID", "p.7.1") })
	require.Equal(t, http.StatusOK, stream.Code)
	require.Contains(t, stream.Body.String(), "figures_changed")
	require.Equal(t, "/api/live?account="+bakery+"&last_event_id=p.7.1", live.asked, "nothing else goes along")
	require.Empty(t, stream.Header().Get("Access-Control-Allow-Origin"))
	s.deps.API = live.Service
	s.open()
	require.Equal(t, http.StatusNotFound, b.get("/console/stream?account="+otherClient).Code, "a browser gives up")

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

func TestAClosedBoardIsShownImmediately(t *testing.T) {
	t.Parallel()
	var notReady error
	r := newReal(t, func(d *api.Deps) { d.Ready = func() error { return notReady } })
	b := r.signedIn("client")
	own := "/console/board/" + bakery
	b.get(own).says(http.StatusOK, `data-board="`+own+`"`, "/console/assets/board.")
	b.get(own + "/closed").leadsTo(own)
	r.change(t, agency, domain.UpdateDashboard{Primary: bakery, AllowClientDashboard: new(false)})
	b.get(own+"/closed").says(http.StatusOK, "closed it or removed you from its list while you were viewing it.", "Your account is not affected")
	b.get(own).says(http.StatusForbidden, "You have no access to this dashboard.", "You cannot open any other board now")
	notReady = domain.NewError(domain.CodeUnavailable, "Not now.")
	b.get(own+"/closed").says(http.StatusServiceUnavailable, "Not now.")
	notReady = nil
	r.signedIn("agency").get("/console/stream/notices").says(http.StatusForbidden, "does not have access to this page")
}

// If the stream of a board's figures ends because the board was closed, it reports that.
func TestBoardStreamReportsClosing(t *testing.T) {
	t.Parallel()
	var notReady error
	r := newReal(t, func(d *api.Deps) { d.Ready = func() error { return notReady } })
	b := r.signedIn("client")
	r.deps.API = &streams{Service: r.server}
	r.open()
	told := func() string { return b.get("/console/stream?dashboard=" + bakery).Body.String() }
	require.NotContains(t, told(), "board_closed", "the board is open: the browser reconnects")
	r.change(t, agency, domain.UpdateDashboard{Primary: bakery, AllowClientDashboard: new(false)})
	require.Contains(t, told(), "event: board_closed\ndata: {\"sub_account_ids\":[\""+bakery+"\"]}\n\n")
	notReady = domain.NewError(domain.CodeUnavailable, "Not now.")
	require.NotContains(t, told(), "board_closed", "that is not known")
}

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
		s.rigged.around, s.rigged.asked = c.pass, nil
		page.of.get(page.at).says(http.StatusOK, "Harbour Bakery")
		require.Len(t, slices.DeleteFunc(s.rigged.asked, func(call string) bool {
			return !strings.Contains(call, "startTime") || strings.HasPrefix(call, api.GetStats.ID)
		}), page.questions, page.at)
		require.Equal(t, 4, c.most, page.at)
	}
}

// A panic during one of the requests results in an error page and does not end the process.
func TestAPanicInARequestIsAnErrorPage(t *testing.T) {
	t.Parallel()
	b := newServer(t, func(d *api.Deps) { d.Analytics = &analytics.Analytics{} }).signedIn("agency") // has no database
	b.get("/console/clients/"+bakery+"/figures").says(http.StatusInternalServerError, "An internal error occurred").lacks("nil pointer")
	b.get("/console/clients/"+bakery+"/people").says(http.StatusOK, "Clara Holm")
}

// Top posts have pictures with addresses of the console. Errors of the API other than a missing picture are
// shown.
func TestTopPostsHavePictures(t *testing.T) {
	t.Parallel()
	s, b := figuresStage(t, "agency")
	post := analytics.RankedPost{Post: analytics.Post{ID: "70:urn:li/1 2", PlatformRef: readmodels.PlatformRefOf(domain.LinkedIn)}}
	set(s, api.GetLeaderboard, anyDays, analytics.Leaderboard{Posts: []analytics.RankedPost{post}}, analytics.Meta{})
	b.get("/console/clients/"+bakery+"/figures").says(http.StatusOK, `src="/console/pictures/70:urn:li%2F1%202?of=L"`)
	var of domain.PostRef
	var none error
	r := newReal(t, func(d *api.Deps) {
		d.Picture = func(_ context.Context, post domain.PostRef) ([]byte, error) {
			of = post
			return []byte("a picture"), none
		}
	})
	tenant := domain.Tenant{ParentAccount: agency, AccountID: bakery, MemberID: 1, SocialAccount: 70}
	for _, draft := range []domain.Draft{
		commands.NewDraft(domain.TopicMetrics, tenant.Key(), domain.PostRegistered{
			Tenant: tenant, Platform: domain.Facebook, ExternalID: "7_1", Origin: domain.OriginListing, RegisteredAt: r.now, PublishedAt: &r.now,
		}, r.now),
		commands.ContentDraft(domain.PostContent{
			PostRef: domain.PostRef{ParentAccount: agency, SocialAccount: 70, ExternalID: "7_1"}, AccountID: bakery, Origin: domain.OriginListing,
			PostTexts: domain.PostTexts{Content: "Rolls", MediaURL: "https://p.example/1"},
		}, r.now),
	} {
		require.NoError(t, r.log.Append(t.Context(), draft))
	}
	b = r.signedIn("agency")
	shown := b.get("/console/pictures/70:7_1?of=L")
	require.Equal(t, "a picture", shown.Body.String())
	require.Equal(t, "7_1", of.ExternalID)
	require.Equal(t, "no-store", shown.Header().Get("Cache-Control"))
	none = domain.NewError(domain.CodeUnavailable, "Not now.")
	b.get("/console/pictures/70:7_1").says(http.StatusServiceUnavailable, "Not now.")
}

// A letter replaces a missing picture.
func TestALetterReplacesAMissingPicture(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	b := s.signedIn("client")
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

	require.Equal(t, http.StatusForbidden, s.signedIn("auditor").get("/console/pictures/70:p").Code)
	require.Equal(t, http.StatusUnauthorized, s.browser().get("/console/pictures/70:p").Code)
}

// A price of 50000 is 50,000 yen, but 500 euros: the decimals are those of the currency.
func TestMoneyUsesDecimalsOfCurrency(t *testing.T) {
	t.Parallel()
	for want, minor := range map[string]int64{
		"50,000 JPY": 50000, "1,234.567 KWD": 1234567, "0.005 BHD": 5, "504.05 EUR": 50405, "0.07 USD": 7, "3 KRW": 3,
		"1.0000 CLF": 10000, "12,345.67 IDR": 1234567, "1.00 XYZ": 100, "0 VND": 0,
	} {
		require.Equal(t, strings.Replace(want, " ", "\u00a0", 1), console.Money(minor, want[len(want)-3:]))
	}
}
