package console_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/readmodels"
)

// figuresGo intercepts the API requests for figures.
func (s *stage) figuresGo(by func(r *http.Request, on func())) {
	s.t.Helper()
	s.deps.API = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isOfFigures(r.Method + " " + r.URL.Path) {
			s.serveAPI(w, r)
			return
		}
		by(r, func() { s.serveAPI(w, r) })
	})
	s.open()
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

func (c *crowd) pass(r *http.Request, on func()) {
	c.count(1)
	defer c.count(-1)
	select {
	case <-c.full:
	case <-r.Context().Done():
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
	s.answer("GET /api/dashboards", slices.Repeat([]readmodels.DashboardSummary{{SubAccountID: bakery, SubAccountName: "Harbour Bakery"}}, 6), nil)
	client := s.signedIn("client")
	for _, page := range []struct {
		of        *browser
		at        string
		questions int
	}{
		{staff, "/console", 7}, // six clients and the list of concerns
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
	s, b := figuresStage(t, "agency")
	s.figuresGo(func(r *http.Request, on func()) {
		if r.URL.Path == "/auth/leaderboard/all" {
			panic("no leaders")
		}
		on()
	})
	page := b.get("/console/clients/" + bakery + "/figures")
	page.says(http.StatusInternalServerError, "An internal error occurred")
	require.NotContains(t, page.Body.String(), "no leaders")
}
