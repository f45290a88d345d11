//go:build e2e

package e2e_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

// fetched returns the data of an answer.
func fetched[T any](p *program, path string) (data T) {
	p.t.Helper()
	answer := p.get(p.info.Tokens["agency"], path)
	answer.Says(p.t, 200)
	var body struct {
		Data T `json:"data"`
	}
	require.NoError(p.t, json.Unmarshal([]byte(answer.Body), &body))
	return body.Data
}

// line formats a row as psql does.
func line(cells ...any) string {
	texts := make([]string, len(cells))
	for i, cell := range cells {
		switch v := cell.(type) {
		case *int64:
			if v != nil {
				texts[i] = fmt.Sprint(*v)
			}
		default:
			texts[i] = fmt.Sprint(v)
		}
	}
	return strings.Join(texts, "|")
}

// The queries of docs/sql.md give the answers of the API, for each client of the demo.
func TestDocumentedSQLQueriesMatchAPI(t *testing.T) {
	t.Parallel()
	needs.Programs(t, "psql")
	raw, err := os.ReadFile("../../../docs/sql.md")
	require.NoError(t, err)
	queries := map[string]string{}
	for _, found := range regexp.MustCompile("(?s)### ([^\n]+)\n\n```sql\n(.*?)```").FindAllStringSubmatch(string(raw), -1) {
		queries[found[1]] = found[2]
	}
	p := startDemo(t, t.TempDir(), frozen...)
	sunday := time.Now().UTC().Truncate(7*24*time.Hour).AddDate(0, 0, -8) // days are truncated to a Monday
	from, to := sunday.AddDate(0, 0, -27).Format(time.DateOnly), sunday.Format(time.DateOnly)
	boards := map[string]readmodels.DashboardView{} // by client
	for _, client := range p.info.IDs.SubAccounts {
		boards[client] = fetched[[]readmodels.DashboardView](p, dashboardPath(client))[0]
	}
	ask := func(question, client string) []string {
		t.Helper()
		require.Contains(t, queries, question)
		// The answers do not depend on the time zone of the person.
		psql := exec.Command("psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-v", "client="+client, "-v", "agency="+p.info.IDs.ParentAccount,
			"-v", "from="+from, "-v", "to="+to, "-f", newFile(t, queries[question]), p.info.DatabaseURL)
		psql.Env = append(os.Environ(), "PGTZ=Pacific/Kiritimati")
		out, err := psql.CombinedOutput()
		require.NoError(t, err, "%s", out)
		if text := strings.TrimRight(string(out), "\n"); text != "" {
			return strings.Split(text, "\n")
		}
		return nil
	}
	answered := map[string]bool{}
	compare := func(question, client string, want []string) {
		t.Helper()
		answered[question] = answered[question] || len(want) > 0 && want[0] != ""
		require.Equal(t, want, ask(question, client), "%s Client %s", question, client)
	}
	days := from + "/" + to
	impressions := map[string]int64{}
	for _, client := range p.info.IDs.SubAccounts {
		of := "?tz=UTC&account=" + client
		insights := fetched[analytics.AccountInsights](p, "/auth/getAccountInsights/"+days+"/all"+of)
		stats := fetched[analytics.AccountStats](p, "/auth/reach/getAccountStats/all"+of+"&startTime="+from+"&endTime="+to)
		growth := fetched[analytics.AccountNetGrowth](p, "/auth/reach/getAccountNetGrowth/all"+of+"&startTime="+from+"&endTime="+to)
		posts := fetched[analytics.PostsTotalEngagements](p, "/auth/getPostsTotalEngagements/"+days+"/all"+of)
		views := fetched[analytics.PostsViews](p, "/auth/getPostsViews/"+days+"/all"+of)
		likes := fetched[analytics.PostsLikes](p, "/auth/getPostsLikes/"+days+"/all"+of)

		compare("How many followers did a client have at the end of a range?", client, []string{line(insights.Total.Followers.Value)})
		var rows []string
		for _, platform := range growth.Platforms {
			if platform.Net != nil {
				rows = append(rows, line(platform.PlatformName, platform.Net))
			}
		}
		slices.Sort(rows)
		compare("How many followers did a client's pages gain, by platform?", client, rows)
		compare("How many impressions did a client have?", client, []string{line(stats.Total.Impressions.Value)})
		rows = nil
		for _, d := range stats.Total.Series {
			if d.Impressions != nil {
				rows = append(rows, line(d.Day, d.Impressions))
			}
		}
		compare("How many impressions on each day?", client, rows)
		if v := stats.Total.Impressions.Value; v != nil {
			impressions[client] = *v
		}
		rows = nil
		for _, platform := range insights.Platforms {
			if platform.Engagement.Value != nil {
				rows = append(rows, line(platform.PlatformName, platform.Engagement.Value))
			}
		}
		slices.Sort(rows)
		compare("How much engagement did a client's pages have, by platform?", client, rows)
		total := posts.Total
		compare("What did a client's posts gain?", client, []string{line(
			total.Engagement.Value, total.Likes.Value, total.Comments.Value, total.Shares.Value, views.Total.Views.Value)})
		rows = nil
		for _, post := range likes.Posts {
			if post.Gained != nil {
				rows = append(rows, line(fmt.Sprintf("%d:%s", post.SocialAccount, post.ExternalID), post.Gained))
			}
		}
		got := ask("Which posts of a client gained the most likes?", client)
		answered["Which posts of a client gained the most likes?"] = true
		require.Subset(t, got, rows, "the API lists the posts of the client at the end of the range")
	}
	var rows []string
	byImpressions := func(a, b string) int { return cmp.Or(cmp.Compare(impressions[b], impressions[a]), cmp.Compare(a, b)) }
	for _, client := range slices.SortedFunc(maps.Keys(impressions), byImpressions) {
		rows = append(rows, line(client, boards[client].SubAccountName, impressions[client]))
	}
	compare("Which clients of an agency had the most impressions?", "", rows)

	rows = nil
	for client, board := range boards {
		if board.AllowClientDashboard {
			rows = append(rows, line(client, len(board.Users)+len(board.UsersNotShown)))
		}
	}
	slices.Sort(rows)
	compare("Which boards are open, to how many users?", "", rows)

	rows = nil
	for _, span := range fetched[[]history.AccessSpan](p, "/api/audit/access?limit=500&at="+to) {
		scopes := make([]string, len(span.Scopes))
		for i, s := range span.Scopes {
			scopes[i] = s.Scope
		}
		rows = append(rows, line(span.Dashboard.ID, span.User.ID, strings.Join(scopes, " ")))
	}
	slices.Sort(rows)
	compare("Who had access at the end of a day?", "", rows)
	for question := range queries {
		require.True(t, answered[question], "%s has no answer to compare", question)
	}
	require.Len(t, queries, 10)

	// Every view is described, with what must not be added up, and each column of the views for people.
	undescribed := p.column(`
		select viewname::text from pg_views where schemaname = 'lb' and obj_description(('lb.' || viewname)::regclass) is null
		union all
		select v || '.' || attname from unnest(array['daily_accounts', 'daily_posts', 'weekly_posts', 'gains', 'boards', 'access']) v
		join pg_attribute a on a.attrelid = ('lb.' || v)::regclass and a.attnum > 0 and attname not in ('day', 'created_at', 'updated_at')
		where col_description(('lb.' || v)::regclass, a.attnum) is null`)
	require.Empty(t, undescribed)
}

func newFile(t *testing.T, text string) string {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "*.sql")
	require.NoError(t, err)
	_, err = file.WriteString(text)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	return file.Name()
}
