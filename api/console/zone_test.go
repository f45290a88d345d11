package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

const zoneCookie = "__Host-lb_zone"

// The zone of days is that of the address, the person, the client, the agency, or UTC, in this
// order. On the first of a month in Sydney, the last month is the one that ended there.
func TestTheZoneOfDays(t *testing.T) {
	t.Parallel()
	s, b := figuresStage(t, "agency")
	s.now = time.Date(2026, 9, 30, 22, 0, 0, 0, time.UTC) // October 1, 08:00 in Sydney
	var agencyZone domain.OptionalText
	me := s.answers["GET /api/me"]
	s.answers["GET /api/me"] = func(p api.Principal, r *http.Request) (int, any) {
		status, body := me(p, r)
		answer, _ := body.(map[string]any)["data"].(directory.Me)
		answer.TimeZone = agencyZone
		return status, map[string]any{"data": answer}
	}
	client := directory.Account{ID: bakery, Name: "Harbour Bakery"}
	shows := func(path, month, zone string) {
		t.Helper()
		s.answer("GET /api/accounts", []directory.Account{client}, nil)
		s.asked = nil
		b.get("/console/clients/" + bakery + "/report" + path)
		asked := strings.Join(s.asked, "\n")
		require.Contains(t, asked, "/"+month+"-01/")
		require.Contains(t, asked, "tz="+url.QueryEscape(zone))
	}
	shows("", "2026-08", "UTC")
	agencyZone = "America/Los_Angeles"
	shows("", "2026-08", "America/Los_Angeles")
	client.TimeZone = "Australia/Sydney"
	shows("", "2026-09", "Australia/Sydney")

	b.post("/console/zone", url.Values{"tz": {"Mars/Base"}}).says(http.StatusOK, `class="fault">Enter a time zone like`)
	b.post("/console/zone", url.Values{"tz": {"Europe/Berlin"}}).leadsTo("/console/zone?saved=")
	b.get("/console/zone?saved=").says(http.StatusOK, "Saved.", `name="tz" value="Europe/Berlin"`)
	b.post("/console/sign-out", url.Values{})
	b.post("/console/sign-in/demo", url.Values{"role": {"agency"}}).leadsTo("/console")
	shows("", "2026-09", "Europe/Berlin") // October 1, 00:00
	shows("?tz=America/New_York", "2026-08", "America/New_York")
	other := s.signedIn("client")
	other.cookies[zoneCookie] = b.cookies[zoneCookie]
	other.get("/console/zone").says(http.StatusOK, `name="tz" value=""`) // another person in the same browser
	b.post("/console/zone", url.Values{"tz": {""}}).leadsTo("/console/zone?saved=")
	shows("", "2026-09", "Australia/Sydney")
}

// Each page and file says in which zone its days are.
func TestPagesAndFilesSayTheirZone(t *testing.T) {
	t.Parallel()
	s, b := figuresStage(t, "agency")
	s.answer("GET /api/accounts", []directory.Account{{ID: bakery, Name: "Harbour Bakery", TimeZone: "Asia/Tokyo"}}, nil)
	s.answer("GET /api/dashboards", []directory.DashboardSummary{}, nil)
	b.get("/console/clients/"+bakery+"/figures").says(http.StatusOK, "Days on this page are in Asia/Tokyo, the client&#39;s time zone; times are in UTC.",
		`href="/console/zone?account=`+bakery+`"`, "followers.xlsx?compare=previous&amp;from=2026-09-03&amp;to=2026-09-30&amp;tz=Asia%2FTokyo")
	b.get("/console").says(http.StatusOK, "Days on this page are in UTC; times are in UTC.")
	b.get("/console/zone").says(http.StatusOK, "Days and times on this page are in UTC.")
}

// Staff sets the zone of a client where the directory is local; the API's refusal is shown.
func TestTheZoneOfAClientIsSet(t *testing.T) {
	t.Parallel()
	s, b := figuresStage(t, "agency")
	s.take("PUT /api/accounts/"+bakery+"/time-zone", directory.Account{})
	form := url.Values{"account": {bakery}, "tz": {" Asia/Tokyo "}}
	b.post("/console/zone", form).leadsTo("/console/zone?account=" + bakery + "&saved=")
	require.JSONEq(t, `{"time_zone":"Asia/Tokyo"}`, s.sent[0].body)
	s.refuse("PUT /api/accounts/"+bakery+"/time-zone", http.StatusConflict, domain.CodeConflict, "Accounts and users come from the main application.")
	b.post("/console/zone", form).says(http.StatusOK, "Accounts and users come from the main application.")
	s.refuse("PUT /api/accounts/"+bakery+"/time-zone", http.StatusBadRequest, domain.CodeInvalid, "Wrong.", domain.FieldError{Field: "time_zone", Detail: "is not a time zone"})
	b.post("/console/zone", form).says(http.StatusOK, `list="zones"><strong class="fault">Enter a time zone like`)
}

// A client whose first page was connected today sees today's readings, not an empty range.
func TestFiguresOfAClientThatWasConnectedToday(t *testing.T) {
	t.Parallel()
	s, b := figuresStage(t, "agency")
	s.answer("GET "+fourCompleteWeeks, followers(), analytics.Meta{TimeZone: "UTC"})
	s.answer("GET /auth/getPostsTotalEngagements/2026-09-03/2026-09-30/all", analytics.PostsTotalEngagements{}, analytics.Meta{TimeZone: "UTC"})
	meta := analytics.Meta{TimeZone: "UTC", AsOf: new(s.now)}
	s.answer("GET /auth/getAccountFollowers/2026-09-03/2026-10-01/all", followers(815), meta)
	s.answer("GET /auth/getPostsTotalEngagements/2026-09-03/2026-10-01/all", analytics.PostsTotalEngagements{}, meta)
	s.answer("GET /auth/getPostsViews/2026-09-03/2026-10-01/all", analytics.PostsViews{}, meta)
	b.get("/console/clients/"+bakery+"/figures").says(http.StatusOK, `value="2026-10-01"`, "815", "This range includes today")
}
