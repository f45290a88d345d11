//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
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

// look asks for all paths as the agency and as a client. The same log gives the same answers, to the byte.
func (p *program) look(paths []string) answers {
	found := answers{}
	for _, path := range paths {
		for _, role := range []string{"agency", "client"} {
			answer := p.get(p.info.Tokens[role], path)
			require.NoError(p.t, answer.Err)
			found[role+" "+path] = fmt.Sprintf("%d %s", answer.Status, p.placeless(answer))
		}
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

// boardPaths show boards, and who changed them.
func (p *program) boardPaths() (paths []string) {
	for _, id := range p.info.IDs.SubAccounts {
		paths = append(paths, dashboardPath(id), dashboardPath(id)+"/history?limit=500", dashboardPath(id)+"/state")
	}
	return append(paths, "/api/audit/export?format=csv")
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
