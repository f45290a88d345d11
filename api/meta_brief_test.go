package api_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// With meta=brief the frozen answers together are at least a third smaller, and nothing that a chart draws is gone.
func TestBriefAnswersAreAThirdSmallerAndKeepFigures(t *testing.T) {
	t.Parallel()
	b, token, paths := goldenQuestions(t)
	var plain, brief int
	left := map[string]bool{}
	for name, path := range paths {
		asked, err := url.Parse("/auth" + path)
		require.NoError(t, err)
		query := asked.Query()
		query.Set("meta", "brief")
		whole, short := b.get(asked.String(), token), b.get(asked.Path+"?"+query.Encode(), token)
		require.Equal(t, http.StatusOK, short.status, short.body)
		plain, brief = plain+len(whole.body), brief+len(short.body)
		briefKeeps(t, name, decoded(t, whole.body), decoded(t, short.body), left)
	}
	t.Logf("of %d bytes brief keeps %d", plain, brief)
	require.LessOrEqual(t, 3*brief, 2*plain)
	require.ElementsMatch(t, []string{
		"sources", "kinds", "source_metrics", "source_metric", // where figures come from
		"no_baseline", "compared_in_part", "gained_since", "since", // doubts
		"platforms", // those without any figure
	}, slices.Collect(maps.Keys(left)))
}

// A doubt that there is stands in the brief answer too: only what is false or null is left out.
func TestBriefAnswersKeepDoubts(t *testing.T) {
	t.Parallel()
	b, token, _ := goldenQuestions(t)
	const first = "/auth/getAccountInsights/2026-10-01/2026-10-08/all" // the demo begins within
	whole, short := b.get(first, token), b.get(first+"?meta=brief", token)
	require.Contains(t, whole.body, `"no_baseline":true`)
	require.Contains(t, whole.body, `"no_baseline":false`)
	require.Equal(t, strings.Count(whole.body, `"no_baseline":true`), strings.Count(short.body, `"no_baseline":true`), short.body)
	require.NotContains(t, short.body, `:false,"compared_in_part"`)
}

func decoded(t *testing.T, body string) (value any) {
	t.Helper()
	in := json.NewDecoder(strings.NewReader(body))
	in.UseNumber()
	require.NoError(t, in.Decode(&value))
	return value
}

// briefKeeps checks that a brief value is the plain one but for what may be left out, and notes what was.
func briefKeeps(t *testing.T, at string, plain, brief any, left map[string]bool) {
	t.Helper()
	switch whole := plain.(type) {
	case map[string]any:
		short, is := brief.(map[string]any)
		require.True(t, is, at)
		for name, member := range whole {
			kept, there := short[name]
			switch {
			case name == "platforms":
				kept = platformsBack(t, at, member, kept, left)
			case !there:
				left[name] = true
				if !slices.Contains([]string{"sources", "kinds", "source_metrics", "source_metric"}, name) {
					require.Contains(t, []any{false, nil}, member, "%s.%s says something", at, name)
				}
				continue
			}
			briefKeeps(t, at+"."+name, member, kept, left)
		}
		require.Subset(t, slices.Collect(maps.Keys(whole)), slices.Collect(maps.Keys(short)), at)
	case []any:
		short, is := brief.([]any)
		require.True(t, is, at)
		require.Len(t, short, len(whole), at)
		for i := range whole {
			briefKeeps(t, at, whole[i], short[i], left)
		}
	default:
		require.Equal(t, plain, brief, at)
	}
}

// platformsBack is the brief list with the platforms that were left out put back; they have no figure.
func platformsBack(t *testing.T, at string, plain, brief any, left map[string]bool) any {
	t.Helper()
	short, is := brief.([]any)
	require.True(t, is, at)
	var back []any
	for _, entry := range plain.([]any) {
		number := entry.(map[string]any)["p_id"]
		if len(short) > 0 && short[0].(map[string]any)["p_id"] == number {
			back, short = append(back, short[0]), short[1:]
			continue
		}
		left["platforms"] = true
		back = append(back, entry)
		require.Empty(t, figuresOf(entry), "%s, platform %v", at, number)
	}
	require.Empty(t, short, at)
	return back
}

// figuresOf are the numbers in a value, without the platform's own and zeroes of counts, which are never null.
func figuresOf(value any) (figures []any) {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			count := slices.Contains([]string{
				"accounts", "accounts_read", "accounts_measured", "social_accounts", "readings",
				"posts_published", "posts_published_previous",
			}, name)
			if name != "p_id" && (!count || member != json.Number("0")) {
				figures = append(figures, figuresOf(member)...)
			}
		}
	case []any:
		for _, element := range v {
			figures = append(figures, figuresOf(element)...)
		}
	case json.Number:
		figures = append(figures, v)
	}
	return figures
}
