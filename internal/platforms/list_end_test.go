package platforms_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// A page that says that more follows, and not how, or that does not contain a list, is an error and
// not the end. The posts on it are listed.
func TestListThatDoesNotSayHowItGoesOn(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		platform     domain.Platform
		cursor, body string
		posts        int
	}{
		"the same cursor":              {domain.Facebook, "posts:50:CUR1", `{"data":[{"id":"100_1"}],"paging":{"cursors":{"after":"CUR1"},"next":"https://x"}}`, 1},
		"no cursors":                   {domain.Facebook, "", `{"data":[{"id":"100_1"}],"paging":{"next":"https://x"}}`, 1},
		"no data":                      {domain.Facebook, "posts:50:CUR1", `{"paging":{}}`, 0},
		"of media":                     {domain.Instagram, "media:50:CUR1", `{"data":[],"paging":{"cursors":{"after":"CUR1"},"next":"https://x"}}`, 0},
		"an element that is no object": {domain.Instagram, "", `{"data":[{"id":"1"},"x"]}`, 1},
		"of videos":                    {domain.TikTok, "7", `{"data":{"videos":[{"id":"1"}],"cursor":7,"has_more":true},"error":{"code":"ok"}}`, 1},
		"no has_more":                  {domain.TikTok, "", `{"data":{"videos":[{"id":"1"}],"cursor":7},"error":{"code":"ok"}}`, 1},
		"no videos":                    {domain.TikTok, "", `{"error":{"code":"ok"}}`, 0},
		"no elements":                  {domain.LinkedIn, "", `{"paging":{"start":0,"count":100}}`, 0},
	} {
		t.Run(fmt.Sprint(test.platform, " ", name), func(t *testing.T) {
			t.Parallel()
			c := canned(t, always(http.StatusOK, test.body)).client(t, test.platform)
			target := platforms.Target{AccessToken: "Tok3n", ExternalID: "100", AccountType: domain.LinkedInCompanyPage}
			page, err := c.Posts(t.Context(), target, test.cursor)
			requireKind(t, domain.StatusRetry, err)
			require.Equal(t, platforms.AboutObject, platforms.AboutOf(err))
			require.Len(t, page.Posts, test.posts)
			require.Empty(t, page.Next)
		})
	}
}

// A page of me/accounts is requested once more before the list counts as incomplete.
func TestPageOfAccountsThatIsOddOnce(t *testing.T) {
	t.Parallel()
	answers := facebookSignIn()
	const odd = `{"data":[{"id":"100","access_token":"Tok3nPage"}],"paging":{"next":"https://graph.facebook.com/"}}`
	const rest = `{"data":[{"id":"101","access_token":"Tok3nPage"}]}`
	answers["GET /facebook/v26.0/me/accounts"] = []string{
		odd, `{"data":[{"id":"100","access_token":"Tok3nPage"}],"paging":{"cursors":{"after":"a"},"next":"https://graph.facebook.com/"}}`, rest,
	}
	b, _ := wired(t, answers)
	c, err := b.signIn(t, domain.Facebook).Redeem(t.Context(), "Tok3nCode", callBack)
	require.NoError(t, err)
	require.NoError(t, c.Incomplete)
	require.Len(t, c.Offered, 2)

	answers = facebookSignIn()
	answers["GET /facebook/v26.0/me/accounts"] = []string{odd}
	b, _ = wired(t, answers)
	c, err = b.signIn(t, domain.Facebook).Redeem(t.Context(), "Tok3nCode", callBack)
	require.NoError(t, err, "a sign-in with the listed pages is possible")
	require.Error(t, c.Incomplete)
	require.Len(t, c.Offered, 1)
	require.Contains(t, c.NotOffered[0].Reason, "did not list all")
}

// Days on a further page are missing for now, not without figures.
func TestLinkedInDaysOnAFurtherPage(t *testing.T) {
	t.Parallel()
	c := canned(t, func(w http.ResponseWriter, r *http.Request) {
		body := `{"firstDegreeSize":7}`
		if r.FormValue("timeIntervals") != "" {
			body = `{"paging":{"links":[{"rel":"next"}]},"elements":[{"timeRange":{"start":1763510400000},"totalShareStatistics":{"impressionCount":5}}]}`
		}
		answer(w, http.StatusOK, body)
	}).client(t, domain.LinkedIn)
	snap := c.account(companyPage("5501"))
	require.NotNil(t, snap.Incomplete)
	require.True(t, hasFigure(snap, domain.MetricImpressions))
}
