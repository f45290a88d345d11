package console_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/console"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/apitest"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// healthy is a service whose health a test sets.
type healthy struct {
	console.Service

	health operator.Health
}

func (h *healthy) Health(context.Context) operator.Health { return h.health }

// operators is the service of operators, on a service whose health a test sets.
type operators struct {
	apitest.Operators

	service *healthy
}

// newOperators returns a healthy service with nothing to do, and an operator.
func newOperators(t *testing.T) (*real, *operators, *browser) {
	t.Helper()
	o := &operators{}
	r := newServer(t, func(d *api.Deps) { d.Operators = o })
	o.service = &healthy{Service: r.server, health: operator.Health{
		Status: operator.Ready, MayWrite: true, Checks: []operator.HealthCheck{{Name: "log", OK: true}},
		Projections: []operator.ProjectionHealth{{Projection: "dashboards", Readable: true}},
	}}
	r.deps.API = o.service
	return r, o, r.open().signedIn("operator")
}

func TestHealthPageExplainsEveryReason(t *testing.T) {
	t.Parallel()
	s, o, b := newOperators(t)
	b.get("/console/ops").says(http.StatusOK, `aria-current="page"`, "The service is healthy: it serves reads and changes, and 1 projection follows the log.")

	reason := func(code operator.HealthCode) []operator.HealthReason { return []operator.HealthReason{{Code: code}} }
	o.service.health = operator.Health{
		Status: operator.Degraded, MayWrite: true, Checks: []operator.HealthCheck{{Name: "log", Reasons: reason(operator.HealthBrokers)}},
		Projections: []operator.ProjectionHealth{{
			Projection: "post_insights", Reasons: reason(operator.HealthDeadLetters), State: &operator.Projection{DeadLetters: 2},
		}},
	}
	o.service.health.Pauses = []domain.Pause{
		{Kind: domain.PauseConnection, Name: "31", Since: s.now, Actor: "ops", Reason: domain.Reason{Code: domain.ReasonTest}},
		{Kind: domain.PauseConnection, Name: "33", Since: s.now, Actor: "ops", Reason: domain.Reason{Code: domain.ReasonTest}},
		{Kind: domain.PausePlatform, Name: "linkedin", Since: s.now, Actor: "ops", Reason: domain.Reason{Code: domain.ReasonIncident, Ticket: "OPS-7"}},
	}
	o.Builds = []operator.Generation{
		{ID: "directory.g2", Projection: "directory", State: "building"},
	}
	o.Readings = []directory.ConnectionReading{
		{PlatformName: "linkedin", ConnectionID: 31, Name: "Harbour Page", AccountName: "Harbour Bakery"},
		{PlatformName: "linkedin", ConnectionID: 31, AccountName: "Old Mill"},
		{PlatformName: "linkedin", ConnectionID: 31, Name: "Mill Page", AccountName: "Old Mill"},
	}
	o.Recorded = []operator.RecordedAction{
		{Target: domain.OperatorTarget{Connection: 31, Platform: domain.LinkedIn}},
		{Target: domain.OperatorTarget{Connection: 32}, Actor: "ops"},
		{Role: "operator", Reason: domain.Reason{Code: domain.ReasonIncident, Ticket: "OPS-7"}},
		{Action: domain.ActionRebuildRequested, Outcome: "done", RebuildState: "dropped"},
		{Action: domain.ActionRebuildRequested, Outcome: "done", RebuildState: "catching_up"},
		{Role: "agency", Action: domain.ActionSignInLinkMade, Reason: domain.Reason{Code: domain.ReasonCustomerRequest}},
		{
			Action: domain.ActionPersonErased, Actor: "system:erase", Outcome: domain.OutcomeDone, Target: domain.OperatorTarget{User: "d1"},
			Erasure: &domain.ErasureOrder{By: "authority", Ground: "legal_obligation", Due: "2026-12-21"},
		},
		{Action: domain.ActionPersonErased, Actor: "system:erase", Erasure: &domain.ErasureOrder{By: "platform"}},
		{Action: domain.ActionDataImported, Import: &domain.DataImported{Files: []domain.ImportedFile{{Name: "users.jsonl"}, {Name: "posts.csv"}}}},
	}
	o.Trail.Incomplete = "It is paused"
	const named = "onnection 31 (Harbour Page on LinkedIn, client Harbour Bakery; a profile on LinkedIn, client Old Mill; Mill Page on LinkedIn, client Old Mill)"
	b.get("/console/ops/actions").says(http.StatusOK, `<td data-label="Target">c`+strings.Replace(named, "(", "(today ", 1)+"</td>", `<td data-label="Target">connection 32</td>`,
		`<td data-label="Who">you</td>`, `<td data-label="Reason">incident, OPS-7</td>`, `<td data-label="Reason">by the agency itself</td>`,
		"Rebuild: canceled<", "Rebuild: catching up<", "user d1", "Ordered by authority, legal obligation, due 2026-12-21", "the command line", `<td data-label="Who">at the platform’s request</td>`,
		`<td data-label="Target">users.jsonl, posts.csv</td>`, "It is paused.").lacks("customer request") // no customer asked an operator
	b.get("/console/ops").says(http.StatusOK, "The service serves reads and changes to boards, but has 5 problems.", "The brokers do not answer", "2 dead letters of post_insights",
		"C"+named+" is paused", `href="/console/ops/do/resume-connection/33">Connection 33 is paused`,
		`href="/console/ops/dead-letters"`, "LinkedIn is paused", "incident, OPS-7",
		`href="/console/ops/projections/generations/directory.g2"`)

	o.service.health = operator.Health{
		Status: operator.Degraded,
		Projections: []operator.ProjectionHealth{{
			Projection: "dashboards", Reasons: slices.Concat(reason(operator.HealthPaused), reason(operator.HealthDeadLetters)),
		}},
		Pauses: []domain.Pause{
			{Kind: domain.PauseProjection, Name: "dashboards", Since: s.now, Actor: "ops", Reason: domain.Reason{Code: domain.ReasonIncident, Ticket: "OPS-7"}},
		},
	}
	b.get("/console/ops").says(http.StatusOK, "The service serves reads, but refuses changes to boards. It has 2 problems.", "Projection dashboards is paused", "by ops. Reason: incident, OPS-7. Readers do not see new events.",
		"Until each is retried or skipped, changes")

	o.service.health = operator.Health{Status: operator.NotReady, Checks: []operator.HealthCheck{{Name: "database", Reasons: reason(operator.HealthDatabase)}}}
	b.get("/console/ops").says(http.StatusOK, "This process cannot serve reads at the moment.", `<span class="badge bad">failed</span> The database does not answer`)
}

func TestActionsAskForConfirmation(t *testing.T) {
	t.Parallel()
	s, o, b := newOperators(t)
	o.Models = []operator.Projection{
		{Projection: "post_insights", Generation: 2, State: "live", Partitions: []operator.Partition{{EndOffset: 1200}, {Partition: 1, EndOffset: 34}}},
	}
	o.Letters = []operator.DeadLetter{{ID: "dashboards-1-5", StoppedAt: 3, Stream: "a"}, {ID: "x-1-2", Stream: "account:c"}}
	o.Readings = []directory.ConnectionReading{{PlatformName: "linkedin", Agency: "a", AgencyName: "North", AccountID: "c", AccountName: "Old Mill"}, {PlatformName: "tiktok", Agency: "b"}}

	b.get("/console/ops/do/rebuild/post_insights").says(http.StatusOK, "Rebuild post_insights", `href="/console/ops/projections">Go back`, "The rebuild reads up to 1,234 events", "data_repair", "When the new tables have caught up")
	b.get("/console/ops/do/skip/dashboards-1-5").says(http.StatusOK, "cannot be undone", `href="/console/ops/dead-letters">Go back`)
	for _, act := range []string{"pause-connection", "resume-connection", "read-connection"} {
		b.get("/console/ops/do/"+act+"/abc").says(http.StatusNotFound, "There is no connection abc.")
	}
	b.get("/console/ops/do/pause-projection/directory").says(http.StatusOK, "no client or person can be added, and no page connected or disconnected", "histories and exports until the projection is resumed")
	for _, act := range []string{"pause-platform/myspace", "resume-platform/myspace", "burn/it", "rebuild/nothing"} {
		b.get("/console/ops/do/" + act).says(http.StatusNotFound)
	}
	b.get("/console/ops/do/pause-platform/linkedin").says(http.StatusOK, "1 connected account of 1 agency", `href="/console/ops/platforms">Go back`, "Other platforms are not affected")
	o.Paused = []domain.Pause{
		{Kind: domain.PausePlatform, Name: "linkedin", Since: s.now, Actor: "ops", Reason: domain.Reason{Code: domain.ReasonTest}},
		{Kind: domain.PauseConnection, Name: "31"},
	}
	for act, says := range map[string]string{
		"pause-platform/linkedin": "It is already paused. Since ", "resume-platform/tiktok": "It is not paused.", "resume-projection/post_insights": "It is not paused.",
	} {
		b.get("/console/ops/do/"+act).says(http.StatusOK, says).lacks("<button>") // there is nothing to do
	}
	b.get("/console/ops/do/resume-connection/31").says(http.StatusOK, "Resume connection 31", "<button>Resume</button>")
	o.Paused = []domain.Pause{}
	b.get("/console/ops/dead-letters").
		says(http.StatusOK, "/console/ops/do/skip/dashboards-1-5", "/console/ops/do/show/x-1-2", "North<br><code>a</code>", "Old Mill<br><code>account:c</code>").
		lacks("/console/ops/do/skip/x-1-2", "/console/ops/do/retry/x-1-2") // it stops no stream
	o.Letters = []operator.DeadLetter{{ID: "dashboards-1-5", StoppedAt: 3, Reason: "chain_broken"}}
	b.get("/console/ops/dead-letters").says(http.StatusOK, "/console/ops/do/retry/dashboards-1-5").lacks("/console/ops/do/skip")

	reason := url.Values{"code": {"incident"}, "ticket": {" OPS-7 "}}
	b.post("/console/ops/do/rebuild/post_insights", reason).leadsTo("/console/ops/projections/generations/post_insights.g3")
	b.post("/console/ops/do/skip/dashboards-1-5", reason).leadsTo("/console/ops/dead-letters")
	b.post("/console/ops/do/retry/dashboards-1-5", url.Values{"code": {"test"}}).leadsTo("/console/ops/dead-letters")
	b.post("/console/ops/do/pause-platform/linkedin", reason).leadsTo("/console/ops/platforms")
	b.post("/console/ops/do/show/dashboards-1-5", reason).says(http.StatusOK, "Jonas")
	done := []string{
		"ops: rebuild post_insights incident:OPS-7", "ops: skip dashboards-1-5 incident:OPS-7", "ops: retry dashboards-1-5 test",
		"ops: pause platform linkedin incident:OPS-7", "ops: show dashboards-1-5 incident:OPS-7",
	}
	require.Equal(t, done, o.Done())

	o.Refusal = domain.NewError(domain.CodeConflict, "The rebuild r9 is under way. Wait or cancel it.")
	b.post("/console/ops/do/rebuild/post_insights", reason).says(http.StatusOK, "The rebuild r9 is under way", `value="incident" selected`, `value="OPS-7"`)
	o.Refusal = nil
	for _, wrong := range []struct{ code, ticket, says string }{
		{"other", "", "The reason “other” requires a ticket."}, {"test", "a b", "Use 1 to 64 of the characters"}, {"", "T1", "Choose a reason."},
	} {
		page := b.post("/console/ops/do/rebuild/post_insights", url.Values{"code": {wrong.code}, "ticket": {wrong.ticket}})
		page.says(http.StatusOK, wrong.says, `value="`+wrong.ticket+`"`).lacks("other:TICKET")
	}
	b.send(http.MethodPost, "/console/ops/do/pause-platform/linkedin", reason, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }).
		says(http.StatusForbidden, "another site")
	require.Equal(t, done, o.Done())
}

func TestBuildProgress(t *testing.T) {
	t.Parallel()
	s, o, b := newOperators(t)
	eta := 75.0
	g := operator.Generation{
		ID: "post_insights.g2", Projection: "post_insights", Generation: 2, Version: 6, State: "building", EventsDone: 2500, EventsTotal: 10000,
		Rate: 1250.4, ETASeconds: &eta, Reason: "data_repair:T-1", RequestedBy: "ops", CreatedAt: s.now,
	}
	show := func(words ...string) string {
		o.Builds = []operator.Generation{g}
		page := b.get("/console/ops/projections/generations/post_insights.g2").says(http.StatusOK, words...)
		return page.Body.String()
	}
	require.NotContains(t, show("Waiting for a process to start it.", "<dd>you</dd>"), "<dt>Started")
	g.StartedAt = new(s.now)
	show("<dt>Started", "Generation 2 of post_insights", "2,500 of 10,000", "1,250 events per second", "Time left to read the log", "1 min 15 s",
		`data-refresh="1"`, `<progress id="progress" max="10000" value="2500">`, "Cancel build", ">data repair, T-1<", `aria-current="step">Log read and tables built`)
	g.State, g.EventsDone, g.Waits = "catching_up", 10000, operator.WaitsResume
	show(`aria-current="step">Caught up and readers switched`, "The projection is paused; the switch waits")
	b.get("/console/ops/do/cancel/post_insights.g2").says(http.StatusOK, "<h1>Cancel the build of generation 2 of post_insights</h1>", "Readers keep using the current tables.")

	g.State, g.LiveAt, g.Waits = "live", new(s.now.Add(time.Minute)), ""
	done := show("Done. Readers use this generation.")
	require.NotContains(t, done, "data-refresh", "the page is no longer refreshed")
	require.NotContains(t, done, "Cancel build")
	require.Equal(t, 2, strings.Count(done, `<li class="done">`))
	o.Refusal = domain.NewError(domain.CodeConflict, "Words of the API.")
	b.post("/console/ops/do/cancel/post_insights.g2", url.Values{"code": {"test"}}).says(http.StatusOK, "It is not being built any more. Its state is live.").
		lacks("Words of the API.", "<form class=\"row\"") // there is nothing to cancel
	g.State = "dropped"
	show("Done. Another generation has replaced this one.")
	g.LiveAt = nil
	show("Canceled. Readers use the same tables as before.")
	g.State, g.Error, g.Reason = "failed", "the disk is full", "incident:OPS-7"
	show("Failed. Readers do not use this generation.", "The disk is full", "<dd>incident, OPS-7</dd>")
	b.get("/console/ops/projections/generations/none").says(http.StatusNotFound)
}

// During a build, the projection's panel links to it and offers no actions that would be refused.
func TestProjectionPanelLinksToRunningBuild(t *testing.T) {
	t.Parallel()
	_, o, b := newOperators(t)
	g := operator.Generation{ID: "post_insights.g2", Projection: "post_insights", State: "building", Generation: 2}
	live := operator.Generation{ID: "post_insights.g1", Projection: "post_insights", State: "live", Generation: 1}
	o.Models = []operator.Projection{
		{Projection: "post_insights", Generation: 1, Lag: 1, Building: []operator.Generation{g}},
		{Projection: "contents", Generation: 1, Paused: true, Problem: "projection is paused"},
	}
	o.Builds = []operator.Generation{g, live}
	const rebuild = `href="/console/ops/do/rebuild/post_insights"`
	page := b.get("/console/ops/projections").says(http.StatusOK, "<dd>1 event</dd>")
	page.says(http.StatusOK, "View build", "Building generation 2", `href="/console/ops/do/rebuild/contents"`, `class="badge warn">paused<`).lacks(rebuild, "rojection is paused")
	b.get("/console/ops/do/rebuild/post_insights").leadsTo("/console/ops/projections/generations/post_insights.g2")
	b.get("/console/ops/do/rebuild/contents").says(http.StatusOK, "<button>Rebuild</button>")

	g.State = "dropped"
	o.Builds = []operator.Generation{g, live}
	b.get("/console/ops/projections").says(http.StatusOK, rebuild, "canceled", "in use").lacks("View build")
}

func TestPlatformsPageGroupsConnectionsByState(t *testing.T) {
	t.Parallel()
	s, o, b := newOperators(t)
	o.Readings = []directory.ConnectionReading{
		{
			PlatformName: "linkedin", ConnectionID: 31, SocialAccount: 70, ConnectionStatus: domain.ConnectionStatus{Status: "reconnect", Text: "The person has to sign in again."}, Agency: agency, CallsADay: 30,
			Name: "Harbour Bakery Page", AccountName: "Harbour Bakery", AgencyName: "North Agency",
		},
		{PlatformName: "linkedin", ConnectionID: 32, SocialAccount: 71, ConnectionStatus: domain.ConnectionStatus{Status: "ok"}, CallsADay: 12},
		{PlatformName: "instagram", ConnectionID: 33, SocialAccount: 72, ConnectionStatus: domain.ConnectionStatus{Status: "failing"}},
		{PlatformName: "instagram", ConnectionID: 34, SocialAccount: 73, ConnectionStatus: domain.ConnectionStatus{Status: "unsubscribed"}},
	}
	o.Paused = []domain.Pause{
		{Kind: domain.PausePlatform, Name: "tiktok", Since: s.now, Actor: "ops", Reason: domain.Reason{Code: "incident", Ticket: "OPS-7"}},
	}
	page := b.get("/console/ops/platforms")
	page.says(http.StatusOK, ">active<", "1 ok, 1 sign-in required", "42 per day, for totals and posts", "none while paused", "The person has to sign in again.", "Harbour Bakery Page", ">Harbour Bakery<", "North Agency", agency, `href="/console/ops/do/pause-connection/31"`,
		`href="/console/ops/do/read-connection/33"`,
		"incident, OPS-7", `href="/console/ops/do/resume-platform/tiktok"`, `href="/console/ops/do/pause-platform/linkedin"`).
		lacks("pause-connection/32", "read-connection/31"). // the API refuses it: a person must sign in first
		lacks("read-connection/34")                         // the API refuses it: no subscription runs
	require.Equal(t, 2, strings.Count(page.Body.String(), ">active<"), "the others have no accounts")
	o.Paused = []domain.Pause{{Kind: domain.PauseConnection, Name: "31"}}
	b.get("/console/ops/platforms").says(http.StatusOK, ">sign-in required, paused<", `href="/console/ops/do/resume-connection/31"`).
		lacks("pause-connection/31") // it is paused already
	o.Readings = nil
	b.get("/console/ops/platforms").says(http.StatusOK, "No account is connected yet.").lacks("connected account is read")
}

// Accounts of a paused platform are shown as not read, but not as connections to resume
// individually.
func TestAccountsOfAPausedPlatformAreNotShownAsRead(t *testing.T) {
	t.Parallel()
	s, o, b := newOperators(t)
	paused := directory.ConnectionReading{PlatformName: "tiktok", ConnectionID: 31, ConnectionStatus: domain.ConnectionStatus{Status: "paused", Text: "An operator has paused its platform: incident."}}
	alone := directory.ConnectionReading{PlatformName: "tiktok", ConnectionID: 32, ConnectionStatus: domain.ConnectionStatus{Status: "paused", Text: "An operator has paused it: test."}}
	pauses := []domain.Pause{{Kind: domain.PausePlatform, Name: "tiktok", Since: s.now, Actor: "ops", Reason: domain.Reason{Code: "incident"}}}
	o.Readings = []directory.ConnectionReading{paused}
	o.Paused = pauses
	b.get("/console/ops/platforms").says(http.StatusOK, "1 paused", "1 account is not read because the platform is paused.", "All other connected accounts are read.").
		lacks("resume-connection")

	o.Readings = []directory.ConnectionReading{paused, alone}
	o.Paused = append(o.Paused, domain.Pause{Kind: domain.PauseConnection, Name: "32"})
	b.get("/console/ops/platforms").says(http.StatusOK, "1 account is not read because the platform is paused.", `href="/console/ops/do/resume-connection/32"`).
		lacks("resume-connection/31")
}
