package api_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/demo"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

func TestEncodedParametersAreDecodedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.get("/auth/getAccountInsights/2026-01-01T00%3A00%3A00%2B02%3A00/2026-01-01T02:00:00+02:00/0", b.agencyToken()).Says(t, http.StatusOK)
	require.Equal(t, time.Date(2025, 12, 31, 22, 0, 0, 0, time.UTC), b.queries[0].Range.From)
	require.Equal(t, 2*time.Hour, b.queries[0].Range.To.Sub(b.queries[0].Range.From))
	require.Equal(t, http.StatusBadRequest, b.get("/auth/getAccountInsights/2026-01-01/2026-01-02/%2531", b.agencyToken()).Status,
		"%2531 is %31, not 1")
}

func TestAnalyticsAsCSV(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.meta = analytics.Meta{NextCursor: "x y"}
	const path = "/auth/getAccountInsights/2026-01-01/2026-01-31/all"
	for _, accept := range []string{"text/csv", "text/csv, application/json;q=0.5"} {
		answer := b.get(path, b.agencyToken(), "Accept: "+accept).Says(t, http.StatusOK)
		require.Equal(t, "text/csv; charset=utf-8; header=present", answer.Header.Get("Content-Type"))
		require.Equal(t, `attachment; filename="getAccountInsights.csv"`, answer.Header.Get("Content-Disposition"))
		require.Equal(t, `<?cursor=x+y>; rel="next"`, answer.Header.Get("Link"))
		columns, _, _ := strings.Cut(answer.Body, "\n")
		require.Contains(t, strings.Split(columns, ","), "total.followers.value")
	}
	for _, accept := range []string{"*/*", "text/csv;q=0.1, application/json", "text/html"} {
		require.Contains(t, b.get(path, b.agencyToken(), "Accept: "+accept).Header.Get("Content-Type"), "application/json")
	}
	b.meta.Sources = []analytics.Source{{
		SocialAccount: 7, Status: analytics.SourcePartial, Text: "3 of 31 days were read.",
		Reasons: []domain.StatusReason{{Code: domain.StatusDaysMissing, Metric: "engagement", Days: 3, Of: 31}},
	}}
	ofSources := b.get(path+"?table=meta.sources", b.agencyToken(), "Accept: text/csv")
	require.Empty(t, ofSources.Header.Get("Link"), "every page has the same ones")
	require.Equal(t, "p_id,platform,social_account_id,account_id,a_type,name,status,text,last_read_at\n"+
		"0,,7,,,,partial,3 of 31 days were read.,\n", ofSources.Body, "why a cell is empty")
	for _, accept := range []string{"*/*", "text/html,application/xhtml+xml,*/*;q=0.8"} {
		require.Equal(t, ofSources.Body, b.get(path+"?table=meta.sources", b.agencyToken(), "Accept: "+accept).Body, "a link sets no header")
	}
	for query, accept := range map[string]string{"table=meta.sources": "application/json", "meta=brief": "text/csv", "meta=brief&table=data": "*/*"} {
		field, _, _ := strings.Cut(query, "=")
		requireNamed(t, b.get(path+"?"+query, b.agencyToken(), "Accept: "+accept), field)
	}
	requireNamed(t, b.get(path+"?table=nothing", b.agencyToken(), "Accept: text/csv"), "table")
}

// Every table has a form for people. A link can ask for it, and a request for another format cannot.
func TestAnalyticsAsWorkbook(t *testing.T) {
	t.Parallel()
	for _, op := range api.Operations() {
		i := slices.IndexFunc(op.Parameters, func(p api.Parameter) bool { return p.Name == "format" })
		require.Equal(t, op.Answer.CSV != "", i >= 0 && !strings.Contains(op.Pattern, "/export"), op.Pattern)
		if i >= 0 {
			require.Contains(t, op.Parameters[i].Words, "xlsx", op.Pattern)
		}
	}
	b := setup(t)
	b.meta = analytics.Meta{
		NextCursor: "x", Sources: []analytics.Source{{SocialAccount: 7, Text: "=1;=2", Name: "7301234567890123457"}},
	}
	const path = "/auth/getAccountInsights/2026-01-01/2026-01-31/all"
	open := func(answer ledgertest.Answer) *excelize.File {
		answer.Says(t, http.StatusOK)
		require.Equal(t, workbook, answer.Header.Get("Content-Type"))
		file, err := excelize.OpenReader(strings.NewReader(answer.Body))
		require.NoError(t, err)
		t.Cleanup(func() { file.Close() })
		return file
	}
	plain := b.get(path, b.agencyToken(), "Accept: text/csv")
	var tag string
	for query, accept := range map[string]string{"?format=xlsx&": "*/*", "?": workbook, "?format=xlsx&x=&": "text/html,*/*;q=0.8", "?y=&": workbook + ", text/csv;q=0.5"} {
		answer := b.get(path+query+"tz=Europe/Berlin", b.agencyToken(), "Accept: "+accept)
		file := open(answer)
		require.Equal(t, []string{"data", "platforms", "as_read", "About"}, file.GetSheetList())
		require.Equal(t, `attachment; filename="getAccountInsights.xlsx"`, answer.Header.Get("Content-Disposition"))
		require.Contains(t, answer.Header.Get("Link"), "cursor=x")
		require.NotEqual(t, plain.Header.Get("ETag"), answer.Header.Get("ETag"))
		if query == "?" {
			tag = answer.Header.Get("ETag")
		}
		about, err := file.GetRows("About")
		require.NoError(t, err)
		require.Subset(t, about, [][]string{
			{"First instant", "1/1/26 00:00"},
			{"Time zone", "Europe/Berlin"},
			{"Newest reading", "none"},
			{"Range", "The range has not ended: figures can still grow."},
			{"Missing rows", "This file is one page of a longer list. Continue with cursor=x"},
		})
		last := about[len(about)-1]
		require.Subset(t, last, []string{"7", "7301234567890123457", "=1;=2"})
	}
	again := b.get(path+"?tz=Europe/Berlin", b.agencyToken(), "Accept: "+workbook, "If-None-Match: "+tag)
	require.Equal(t, http.StatusNotModified, again.Status)
	require.Empty(t, again.Body)
	require.Equal(t, []string{"platforms", "About"}, open(b.get(path+"?format=xlsx&table=platforms", b.agencyToken())).GetSheetList())
	require.Equal(t, []string{"About"}, open(b.get(path+"?format=xlsx&table=meta.sources", b.agencyToken())).GetSheetList())
	require.Equal(t, plain.Body, b.get(path+"?format=csv", b.agencyToken()).Body)
	requireNamed(t, b.get(path+"?format=xlsx", b.agencyToken(), "Accept: application/json"), "format")
	requireNamed(t, b.get(path+"?format=xlsx&meta=brief", b.agencyToken()), "meta")
	requireNamed(t, b.get(path+"?format=excel", b.agencyToken(), "Accept: text/csv"), "format")
	requireNamed(t, b.get(path+"?table=nothing", b.agencyToken(), "Accept: "+workbook), "table")
}

const workbook = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

var update = flag.Bool("update", false, "write the golden answers")

// The responses of all 22 endpoints with the demo's data are frozen, so that any change shows as a
// diff.
func TestAnalyticsResponsesMatchGoldenFiles(t *testing.T) {
	t.Parallel()
	b, token, paths := goldenQuestions(t)
	for name, path := range paths {
		t.Run(name, func(t *testing.T) {
			answer := b.get("/auth"+path, token).Says(t, http.StatusOK)
			requireGolden(t, name, answer.Body)
			separator := "?"
			if strings.Contains(path, "?") {
				separator = "&"
			}
			whole, brief := answer.Object(t), b.get("/auth"+path+separator+"meta=brief", token).Object(t)
			require.Contains(t, whole["meta"], "sources")
			delete(whole["meta"].(map[string]any), "sources")
			require.Equal(t, whole, brief, "a brief answer lacks the sources alone")
		})
	}
}

// requireGolden compares a response with the frozen one.
func requireGolden(t *testing.T, name, body string) {
	t.Helper()
	var got bytes.Buffer
	require.NoError(t, json.Indent(&got, []byte(body), "", " "))
	file := filepath.Join("testdata", "golden", name+".json")
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, append(bytes.TrimSpace(got.Bytes()), '\n'), 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(bytes.TrimSpace(want)), strings.TrimSpace(got.String()),
		"%s differs. If the change is intended, run: go test ./api -update", file)
}

// goldenQuestions serves the demo's data and returns the paths of the frozen responses by file
// name.
func goldenQuestions(t *testing.T) (b *bundle, token string, paths map[string]string) {
	t.Helper()
	anchor := time.Date(2026, 10, 28, 12, 0, 0, 0, time.UTC) // the clocks of Berlin have changed three days ago
	world := demo.New(demo.Config{Seed: 7, Anchor: anchor, Days: 24})
	drafts, err := world.Drafts(t.Context())
	require.NoError(t, err)
	db := pgtest.New(t)
	for _, p := range []fold.Projector{
		projectors.Directory, projectors.AccountInsights, projectors.PostInsights, projectors.Contents,
	} {
		var events []fold.Event
		for _, draft := range drafts {
			if draft.Topic == p.Topic && (p.Types == nil || slices.Contains(p.Types, draft.Data.EventType())) {
				recorded := domain.Recorded{Key: draft.Key, Envelope: draft.Envelope, Data: draft.Data}
				events = append(events, fold.Event{Recorded: recorded})
			}
		}
		ledgertest.Fold(t, db, p, events)
	}
	ledgertest.Exec(t, db.Pool, `
		insert into kept.fetch_state (kind, p_id, social_account_id, due_at, updated_at)
		select kind, p_id, id, $2, $2 from tSAccounts, unnest($1::text[]) kind`, []string{domain.FetchAccounts, domain.FetchPosts, domain.FetchTokens}, anchor.Add(12*time.Hour))
	b = setup(t, func(d *api.Deps) {
		d.Now = func() time.Time { return anchor }
		d.People, d.Scope = directory.People{Pool: db.ReadOnly}, readmodels.Scopes{Pool: db.ReadOnly}.Scope
		d.Analytics = &analytics.Analytics{Pool: db.ReadOnly}
	})
	ids := world.IDs()
	token = b.token(ids.ParentAccount, "agency", map[string]any{"sub": world.People().Agency.UserID, "exp": anchor.AddDate(1, 0, 0).Unix()})
	const days = "2026-10-22/2026-10-28"
	query := fmt.Sprintf("?account=%d&tz=Europe/Berlin", ids.Accounts[0])
	span := query + "&startTime=2026-10-22&endTime=2026-10-28"
	member := fmt.Sprint(ids.Members[0])
	return b, token, map[string]string{
		"01_account_insights":        "/getAccountInsights/" + days + "/all" + query,
		"02_account_followers":       "/getAccountFollowers/" + days + "/0" + query,
		"03_roi_views":               "/getRoiViews" + span,
		"04_account_stats":           "/reach/getAccountStats/1" + span,
		"05_account_net_growth":      "/reach/getAccountNetGrowth" + span + "&granularity=week",
		"06_activity_meter":          "/reach/activityMeter" + span,
		"07_leaderboard":             "/leaderboard/all" + span + "&limit=3",
		"07_leaderboard_by_total":    "/leaderboard/all" + span + "&limit=3&by=total",
		"08_top_posts":               "/getTopPostsInsights/" + days + "/all/0" + query + "&limit=3",
		"09_post_insights":           "/getPostInsights/" + days + "/all" + query + "&limit=3",
		"10_posts_likes":             "/getPostsLikes/" + days + "/all" + query + "&limit=2&granularity=month",
		"11_posts_views":             "/getPostsViews/" + days + "/all" + query,
		"12_posts_engagements":       "/getPostsEngagements/" + days + "/all" + query + "&limit=3",
		"13_posts_total_engagements": "/getPostsTotalEngagements/" + days + "/all" + query,
		"14_member_followers":        "/member-followers-graph/" + member + strings.Replace(span, query, "?tz=Europe/Berlin", 1),
		"15_active_members":          fmt.Sprintf("/accountActiveMembersPlatforms/%d", ids.Accounts[0]),
		"16_member_growth":           "/membersSocialGrowth/" + member + "/" + days,
		"17_member_post_insights":    "/getMembersPostInsights/" + member + "/" + days + "/all?limit=2",
		"18_member_followers_growth": "/getMembersfollowersGrowth/" + member + "/" + days + "/1",
		"19_member_post_likes":       "/getMembersPostLikes/" + member + "/" + days + "/all?limit=2",
		"20_member_post_views":       "/getMembersPostViews/" + member + "/" + days + "/all?granularity=week",
		"21_member_post_engagement":  "/getMembersPostEngagement/" + member + "/" + days + "/all?limit=2",
		"22_member_top_posts":        "/getMembersTopPosts/" + member + "/" + days + "/0/all?limit=2",
	}
}
