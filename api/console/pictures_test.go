package console_test

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// Top posts have pictures with addresses of the console.
func TestTopPostsHavePictures(t *testing.T) {
	t.Parallel()
	s, b := figuresStage(t, "agency")
	post := analytics.RankedPost{Post: analytics.Post{ID: "70:urn:li/1 2", PlatformRef: readmodels.PlatformRefOf(domain.LinkedIn)}}
	s.answer("GET /auth/leaderboard/all", analytics.Leaderboard{Posts: []analytics.RankedPost{post}}, nil)
	page := b.get("/console/clients/" + bakery + "/figures")
	page.says(http.StatusOK, `src="/console/pictures/70:urn:li%2F1%202?of=L"`)

	const at = "/api/activities/70:urn:li/1 2/picture"
	s.answers["GET "+at] = func(api.Principal, *http.Request) (int, any) { return http.StatusOK, "a picture" }
	shown := b.get("/console/pictures/70:urn:li%2F1%202?of=L")
	require.Equal(t, http.StatusOK, shown.Code)
	require.Contains(t, shown.Body.String(), "a picture")
	require.Contains(t, s.asked, "GET /api/activities/70:urn:li%2F1%202/picture")
	require.Equal(t, "no-store", shown.Header().Get("Cache-Control"))
}

// A letter replaces a missing picture. Other errors of the API are shown.
func TestALetterReplacesAMissingPicture(t *testing.T) {
	t.Parallel()
	s, b := signedIn(t, "client")
	for of, letter := range map[string]string{"instagram": "I", "": "?", "<b>": "<", "&amp;": "&", "ß": "ß", "\x00": "\uFFFD"} {
		drawn := b.get("/console/pictures/70:p?" + url.Values{"of": {of}}.Encode())
		require.Equal(t, http.StatusOK, drawn.Code)
		require.Equal(t, "image/svg+xml", drawn.Header().Get("Content-Type"))
		require.Equal(t, "nosniff", drawn.Header().Get("X-Content-Type-Options"))
		require.Contains(t, drawn.Header().Get("Content-Security-Policy"), "default-src 'none'")
		text := ""
		for reader := xml.NewDecoder(strings.NewReader(drawn.Body.String())); ; {
			token, err := reader.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			if characters, ok := token.(xml.CharData); ok {
				text += string(characters)
			}
		}
		require.Equal(t, letter, text)
	}
	s.refuse("GET /api/activities/70:p/picture", http.StatusServiceUnavailable, domain.CodeUnavailable, "Not now.")
	b.get("/console/pictures/70:p").says(http.StatusServiceUnavailable, "Not now.")

	require.Equal(t, http.StatusForbidden, s.signedIn("auditor").get("/console/pictures/70:p").Code)
	s.browser().get("/console/pictures/70:p").leadsTo("/console/sign-in?to=" + url.QueryEscape("/console/pictures/70:p"))
}
