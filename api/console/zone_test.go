package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

const zoneCookie = "__Host-lb_zone"

// The zone of days is that of the address, the person, the client, the agency, or UTC, in this
// order. On the first of a month in Sydney, the last month is the one that ended there.
func TestTimeZonePrecedence(t *testing.T) {
	t.Parallel()
	r := newReal(t)
	s, b := withFigures(r.stage, "agency")
	s.now = time.Date(2026, 9, 30, 22, 0, 0, 0, time.UTC) // October 1, 08:00 in Sydney
	shows := func(path, month, zone string) {
		t.Helper()
		s.rigged.asked = nil
		b.get("/console/clients/" + bakery + "/report" + path)
		asked := strings.Join(s.rigged.asked, "\n")
		require.Contains(t, asked, "startTime="+month+"-01&")
		require.Contains(t, asked, "tz="+url.QueryEscape(zone))
	}
	shows("", "2026-08", "UTC")
	r.log.Put(t, domain.DirectoryAccount{ID: agency, RowID: 1, Name: "North", TimeZone: "America/Los_Angeles", Active: true})
	shows("", "2026-08", "America/Los_Angeles")
	r.log.Put(t, domain.DirectoryAccount{ID: bakery, RowID: 11, ParentAccount: agency, Name: "Harbour Bakery", TimeZone: "Australia/Sydney", Active: true})
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
	r := newReal(t)
	_, b := withFigures(r.stage, "agency")
	r.log.Put(t, domain.DirectoryAccount{ID: bakery, RowID: 11, ParentAccount: agency, Name: "Harbour Bakery", TimeZone: "Asia/Tokyo", Active: true})
	b.get("/console/clients/"+bakery+"/figures").says(http.StatusOK, "Days on this page are in Asia/Tokyo, the client&#39;s time zone; times are in UTC.",
		`href="/console/zone?account=`+bakery+`"`, "followers.xlsx?compare=previous&amp;from=2026-09-03&amp;to=2026-09-30&amp;tz=Asia%2FTokyo")
	b.get("/console").says(http.StatusOK, "Days on this page are in UTC; times are in UTC.")
	b.get("/console/zone").says(http.StatusOK, "Days and times on this page are in UTC.")
}

// Staff sets the zone of a client where the directory is local; the API's refusal is shown.
func TestStaffSetClientTimeZone(t *testing.T) {
	t.Parallel()
	r := newReal(t)
	b := r.signedIn("agency")
	form := url.Values{"account": {bakery}, "tz": {" Asia/Tokyo "}}
	b.post("/console/zone", form).leadsTo("/console/zone?account=" + bakery + "&saved=")
	require.Equal(t, "Asia/Tokyo", ledgertest.Value[string](t, r.log.DB.ReadOnly, "select time_zone from accounts where id = $1", bakery))
	form.Set("tz", "Mars/Base")
	b.post("/console/zone", form).says(http.StatusOK, `list="zones"><strong class="fault">Enter a time zone like`)
	elsewhere := newServer(t, func(d *api.Deps) { d.Directory.Local = commands.LocalDirectory{} })
	form.Set("tz", "Asia/Tokyo")
	elsewhere.signedIn("agency").post("/console/zone", form).says(http.StatusOK, "Accounts and users come from the main application")
}

// A client whose first page was connected today sees today's readings, not an empty range.
func TestClientConnectedTodayShowsTodaysReadings(t *testing.T) {
	t.Parallel()
	s, b := figuresStage(t, "agency")
	set(s, api.GetAccountFollowers, fourCompleteWeeks, followers(), analytics.Meta{TimeZone: "UTC"})
	set(s, api.GetPostsTotalEngagements, "2026-09-03/2026-09-30", analytics.PostsTotalEngagements{}, analytics.Meta{TimeZone: "UTC"})
	meta := analytics.Meta{TimeZone: "UTC", AsOf: new(s.now)}
	set(s, api.GetAccountFollowers, "2026-09-03/2026-10-01", followers(815), meta)
	set(s, api.GetPostsTotalEngagements, "2026-09-03/2026-10-01", analytics.PostsTotalEngagements{}, meta)
	set(s, api.GetPostsViews, "2026-09-03/2026-10-01", analytics.PostsViews{}, meta)
	b.get("/console/clients/"+bakery+"/figures").says(http.StatusOK, `value="2026-10-01"`, "815", "This range includes today")
}
