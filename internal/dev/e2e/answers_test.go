//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

// frozen has a demo show its history and fetch nothing, so that two looks can be compared.
var frozen = []string{"--roles", "api,projector,signer", "--checkpoint-every", "24h"}

// answers are what the program says to a fixed list of requests, by role and path.
type answers map[string]string

// record asks all about the past. The same log gives the same answers, to the byte.
func (p *program) record(ranges []string) answers {
	found := answers{}
	ask := func(role, path string) ledgertest.Answer {
		answer := p.get(p.info.Tokens[role], path)
		require.NoError(p.t, answer.Err)
		tag := ""
		if strings.HasPrefix(path, "/api/projects/dashboard/") { // its version; that of figures is of the body, which is compared anyhow
			tag = answer.Header.Get("ETag")
		}
		found[role+" "+path] = fmt.Sprintf("%d %s %s", answer.Status, tag, p.placeless(answer))
		return answer
	}
	subAccounts := append(slices.Clone(p.info.IDs.SubAccounts), p.info.IDs.Foreign.SubAccounts...)
	for _, role := range []string{"agency", "client", "auditor", "operator"} {
		for _, id := range subAccounts {
			ask(role, dashboardPath(id))
		}
	}
	for _, role := range []string{"agency", "auditor"} {
		for _, path := range p.auditPaths() {
			ask(role, path)
		}
	}
	for _, path := range p.analyticsPaths(ranges) {
		ask("agency", path).Says(p.t, http.StatusOK)
		answer := ask("client", path) // whose dashboards may not show what the path names
		require.Contains(p.t, []int{http.StatusOK, http.StatusForbidden, http.StatusNotFound}, answer.Status, "%s: %s", path, answer.Body)
	}
	p.await(patience, "the views of people, which are updated after readers have switched", func() bool {
		return p.column(`select (to_regclass('lb.access_notices') is not null)::text`)[0] == "true"
	})
	for what, query := range map[string]string{
		"notices": `select parent_account || '.' || version || ' ' || user_id || ' ' || time from access_notices order by time, parent_account, version, user_id`,
		"heads":   `select stream_key || ' ' || version || ' ' || encode(hash, 'hex') from streams order by stream_key`,
		"history": `select parent_account || '.' || version || ' ' || sub_account_id || ' ' || event_id || ' ' || document_id || sub_account_ids::text || users_count || main_poc::text || allow_client_dashboard || scopes::text || changed::text from dashboard_history order by parent_account, version, sub_account_id`,
		"keys":    `select parent_account || ' ' || subject || ' ' || idempotency_key || ' ' || command_id || ' ' || version from dashboard_commands order by parent_account, version`,
		"letters": `select projection || ' ' || log_offset || ' ' || reason from dead_letters order by projection, partition, log_offset`,
	} {
		found[what] = strings.Join(p.column(query), "\n")
	}
	return found
}

// placeless is an answer without the address of the process and the id of the request.
func (p *program) placeless(r ledgertest.Answer) string {
	body := r.Body
	if id := r.Header.Get("X-Request-Id"); id != "" {
		body = strings.ReplaceAll(body, id, "its id")
	}
	return strings.ReplaceAll(body, p.base+"/demo/pictures", simulator.PicturesURL)
}

// same requires two records to be equal and names the first answers that differ.
func (a answers) same(t *testing.T, other answers) {
	t.Helper()
	require.Len(t, other, len(a))
	var differ []string
	for what, answer := range a {
		if other[what] != answer {
			differ = append(differ, what)
		}
	}
	slices.Sort(differ)
	if len(differ) > 0 {
		first := differ[0]
		require.Equal(t, a[first], other[first], "%d of %d answers differ: %s\nfirst of them: %s", len(differ), len(a), strings.Join(differ, ", "), first)
	}
}

// analyticsPaths are the 22 endpoints with values in their paths, for ranges "start/end".
func (p *program) analyticsPaths(ranges []string) (paths []string) {
	member, account, category := p.info.IDs.Members[0], p.info.IDs.Accounts[0], p.info.IDs.Categories[0]
	add := func(format string, args ...any) { paths = append(paths, fmt.Sprintf(format, args...)) }
	for i, r := range ranges {
		start, end, _ := strings.Cut(r, "/")
		platforms := []string{"0"}
		if i == 0 {
			platforms = []string{"0", "1", "3", "4", "6"}
		}
		for _, platform := range platforms {
			for _, name := range []string{
				"getAccountInsights", "getAccountFollowers", "getPostInsights", "getPostsLikes", "getPostsViews",
				"getPostsEngagements", "getPostsTotalEngagements",
			} {
				add("/%s/%s/%s", name, r, platform)
				if platform == "0" {
					add("/auth/%s/%s/0?tz=America/New_York&account=%s", name, r, p.info.IDs.SubAccounts[0])
				}
			}
			for _, name := range []string{
				"getMembersPostInsights", "getMembersfollowersGrowth", "getMembersPostLikes", "getMembersPostViews", "getMembersPostEngagement",
			} {
				add("/%s/%d/%s/%s", name, member, r, platform)
			}
			add("/getTopPostsInsights/%s/%s/%d", r, platform, category)
			add("/getTopPostsInsights/%s/%s/all", r, platform)
			add("/getMembersTopPosts/%d/%s/0/%s", member, r, platform)
			for _, name := range []string{"reach/getAccountStats", "reach/getAccountNetGrowth", "leaderboard"} {
				add("/%s/%s?startTime=%s&endTime=%s", name, platform, start, end)
			}
		}
		add("/membersSocialGrowth/%d/%s", member, r)
		add("/getMembersTopPosts/%d/%s/0", member, r)
	}
	add("/getRoiViews")
	add("/reach/getAccountNetGrowth")
	add("/reach/activityMeter")
	add("/member-followers-graph/%d", member)
	add("/accountActiveMembersPlatforms/%d", account)
	add("/getMembersTopPosts/%d/0", member)
	return paths
}

func (p *program) auditPaths() []string {
	dashboard, foreign := dashboardPath(p.info.IDs.SubAccounts[0]), dashboardPath(p.info.IDs.Foreign.SubAccounts[0])
	weekAgo := time.Now().UTC().AddDate(0, 0, -7).Format(time.DateOnly)
	user := p.info.IDs.Users[len(p.info.IDs.Users)-1].ID
	return []string{
		dashboard + "/history?limit=500", dashboard + "/history?order=asc&limit=5", dashboard + "/state", dashboard + "/state?version=3",
		dashboard + "/state?at=" + weekAgo, dashboard + "/diff?from=1&to=" + weekAgo, dashboard + "/access?user_id=" + user,
		foreign + "/history", foreign + "/state", "/api/audit/history?limit=500", "/api/audit/export?format=csv", "/api/audit/export?format=jsonl",
	}
}

// pastRanges are ranges that end before the demo's history does.
func pastRanges() []string {
	day := func(ago int) string { return time.Now().UTC().AddDate(0, 0, -ago).Format(time.DateOnly) }
	return []string{
		day(60) + "/" + day(31), day(10) + "/" + day(3),
		time.Now().UTC().AddDate(0, 0, -21).Format(time.RFC3339) + "/" + time.Now().UTC().AddDate(0, 0, -2).Format(time.RFC3339),
	}
}

func (p *program) column(query string, args ...any) []string {
	conn := p.database()
	defer conn.Close(context.Background())
	rows, err := conn.Query(context.Background(), query, args...)
	require.NoError(p.t, err)
	values, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(p.t, err)
	return values
}
