//go:build e2e

package e2e_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A demo is looked at: every chart of the 22 endpoints has something to say, every picture that an answer names opens
// under the address by which the demo was asked, and what goes wrong in life is there to be seen.
func TestDemoHasSomethingToShow(t *testing.T) {
	awayFromMidnight(t, 3*time.Minute)
	p := startDemo(t, t.TempDir())
	agency, today := p.info.Tokens["agency"], time.Now().UTC()
	p.get(p.info.Tokens["main_app"], "/api/me").refused(t, http.StatusForbidden, "forbidden") // known, and no reader
	month := today.AddDate(0, 0, -29).Format(time.DateOnly) + "/" + today.Format(time.DateOnly)
	pictures := map[string]bool{}
	asked := 0
	for _, path := range p.analyticsPaths([]string{month}) {
		if ofOnePlatform.MatchString(path) {
			continue // the member has accounts of some platforms only
		}
		asked++
		answer := p.get(agency, path).ok(t, http.StatusOK)
		requireSubstance(t, path, answer.body)
		requirePictures(t, path, answer.body, p.base, pictures)
	}
	require.GreaterOrEqual(t, asked, 22)
	for _, path := range []string{dashboardPath(p.info.IDs.SubAccounts[0]), "/api/users", "/api/activities", "/api/platforms"} {
		requirePictures(t, path, p.get(agency, path).ok(t, http.StatusOK).body, p.base, pictures)
	}
	require.Greater(t, len(pictures), 50)
	for address := range pictures {
		p.requirePicture(address)
	}
	requireMishaps(t, p, month)
	requireTokensHold(t, p)
}

// requireTokensHold waits until the demo has looked at its tokens, which it does when it starts:
// the simulated platforms take them.
func requireTokensHold(t *testing.T, p *program) {
	t.Helper()
	db := p.database()
	var looked, refused int
	p.await(patience, "every token to be looked at", func() bool {
		var waiting int
		err := db.QueryRow(t.Context(), `
			select count(*) filter (where read_at is null and class = ''), count(*), count(*) filter (where class <> '')
			from kept.fetch_state where kind = 'token_refresh'`).Scan(&waiting, &looked, &refused)
		require.NoError(t, err)
		return waiting == 0 && looked > 0
	})
	require.Zero(t, refused, "of %d", looked)
}

// ofOnePlatform matches paths that ask for one platform.
var ofOnePlatform = regexp.MustCompile(`/[1346](\?|$)|/[1346]/[0-9a-z]+$`)

// requireSubstance wants every list at the top of an answer to have items, and figures that are not 0.
func requireSubstance(t *testing.T, path string, body []byte) {
	t.Helper()
	var answer struct{ Data map[string]any }
	require.NoError(t, json.Unmarshal(body, &answer), path)
	require.NotEmpty(t, answer.Data, path)
	for name, value := range answer.Data {
		if list, ok := value.([]any); ok && name != "as_read" { // what has no other figures, which nothing of a demo lacks
			require.NotEmpty(t, list, "%s: %s is empty", path, name)
		}
	}
	figures := 0
	walk(answer.Data, func(_ string, value any) {
		if n, ok := value.(float64); ok && n != 0 {
			figures++
		}
	})
	require.Greater(t, figures, 3, path)
}

// walk calls visit with each member of a decoded document.
func walk(value any, visit func(name string, value any)) {
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			visit(name, member)
			walk(member, visit)
		}
	case []any:
		for _, item := range value {
			walk(item, visit)
		}
	}
}

// requirePictures collects the addresses of pictures in an answer; all of them must begin with base.
func requirePictures(t *testing.T, path string, body []byte, base string, found map[string]bool) {
	t.Helper()
	var answer any
	require.NoError(t, json.Unmarshal(body, &answer), path)
	walk(answer, func(name string, value any) {
		address, _ := value.(string)
		if address == "" || name != "media_url" && !strings.Contains(name, "image") && !strings.Contains(name, "picture") {
			return
		}
		require.True(t, strings.HasPrefix(address, base+"/"), "%s: %s is %s", path, name, address)
		found[address] = true
	})
	require.NotContains(t, string(body), ".invalid", path)
}

func (p *program) requirePicture(address string) {
	p.t.Helper()
	answer := p.get("", strings.TrimPrefix(address, p.base)).ok(p.t, http.StatusOK)
	require.Equal(p.t, "image/svg+xml", answer.header.Get("Content-Type"), address)
	require.Contains(p.t, answer.header.Get("Cache-Control"), "max-age=", address)
	var drawn struct{ XMLName xml.Name }
	require.NoError(p.t, xml.Unmarshal(answer.body, &drawn), address)
	require.Equal(p.t, "svg", drawn.XMLName.Local, address)
}

// requireMishaps looks for the outage of a platform, the connection that waits for a sign-in, and
// the campaign.
func requireMishaps(t *testing.T, p *program, month string) {
	t.Helper()
	agency := p.info.Tokens["agency"]
	var platforms struct {
		Data []struct {
			State, Reason string
		}
	}
	p.get(agency, "/api/platforms").ok(t, http.StatusOK).into(t, &platforms)
	waiting := 0
	for _, connected := range platforms.Data {
		if connected.State == "reconnect" {
			waiting++
			require.Contains(t, connected.Reason, "a person must sign in")
		}
	}
	require.Equal(t, 1, waiting)

	var followers struct {
		Data struct {
			Platforms []struct {
				Platform string
				Series   []struct{ Followers, Value *int64 }
			}
		}
	}
	p.get(agency, "/getAccountFollowers/"+month+"/0").ok(t, http.StatusOK).into(t, &followers)
	gaps := map[string]int{}
	for _, platform := range followers.Data.Platforms {
		require.Len(t, platform.Series, 30)
		for _, day := range platform.Series {
			if day.Followers == nil && day.Value == nil {
				gaps[platform.Platform]++
			}
		}
	}
	require.Equal(t, map[string]int{"instagram": 3}, gaps)

	var top struct {
		Data struct {
			Posts []struct {
				Content  string
				Category int64 `json:"c_id"`
			}
		}
	}
	campaigns := p.info.IDs.Categories[len(p.info.IDs.Categories)-1]
	p.get(agency, fmt.Sprintf("/getTopPostsInsights/%s/0/%d", month, campaigns)).ok(t, http.StatusOK).into(t, &top)
	require.NotEmpty(t, top.Data.Posts)
	for _, post := range top.Data.Posts {
		require.Equal(t, campaigns, post.Category)
		require.NotEmpty(t, post.Content)
	}
}
