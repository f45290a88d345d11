package console_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// A figures page contains the address of its stream. The stream comes from the API, ends within a
// minute and resumes after the last event.
func TestTheStreamOfFigures(t *testing.T) {
	t.Parallel()
	s, b := figuresStage(t, "agency")
	b.get("/console/clients/"+bakery+"/figures").says(http.StatusOK, `data-live="/console/stream?account=`+bakery+`"`)

	var until time.Time
	s.answers["GET /api/live"] = func(p api.Principal, _ *http.Request) (int, any) {
		until = p.ExpiresAt
		return http.StatusOK, "event: figures_changed"
	}
	stream := b.send(http.MethodGet, "/console/stream?account="+bakery+"&ticket=stolen", nil, func(r *http.Request) { r.Header.Set("Last-Event-ID", "p.7.1") })
	require.Equal(t, http.StatusOK, stream.Code)
	require.Contains(t, stream.Body.String(), "figures_changed")
	require.Contains(t, s.asked, "GET /api/live?account="+bakery+"&last_event_id=p.7.1", "nothing else goes along")
	require.Equal(t, s.now.Add(time.Minute), until)
	require.Empty(t, stream.Header().Get("Access-Control-Allow-Origin"))

	s.now = s.now.Add(12*time.Hour - 20*time.Second) // the session expires first
	b.get("/console/stream?dashboard=" + bakery)
	require.Equal(t, s.now.Add(20*time.Second), until)
	s.refuse("GET /api/live", http.StatusNotFound, domain.CodeNotFound, "There is no such account. Check its id.")
	b.get("/console/stream?account="+agency).says(http.StatusNotFound, "There is no such client.")

	s.browser().get("/console/stream?account=" + bakery).leadsTo("/console/sign-in?to=" + url.QueryEscape("/console/stream?account="+bakery))
	s.signedIn("auditor").get("/console/stream").says(http.StatusForbidden, "does not have access to this page")
}

// If the stream of a board's figures ends because the board was closed, it reports that.
func TestBoardStreamReportsClosing(t *testing.T) {
	t.Parallel()
	s := newStage(t)
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
