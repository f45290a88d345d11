package api_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// keptPictures are pictures by their posts.
type keptPictures map[domain.PostRef]string

func (k keptPictures) Picture(_ context.Context, post domain.PostRef) ([]byte, error) {
	if picture, ok := k[post]; ok {
		return []byte(picture), nil
	}
	return nil, domain.NewError(domain.CodeNotFound, "none")
}

// A picture is shown only to people who can see its post, and not after its texts are erased.
func TestAPictureIsShownByTheRightsOfItsPost(t *testing.T) {
	t.Parallel()
	pictures := keptPictures{}
	b := setupTenants(t, func(d *api.Deps) { d.Pictures = pictures })
	said := time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC)
	contents := map[int64]domain.PostContent{}
	for social, of := range map[int64][2]string{70: {agency, client1}, 90: {agency, client2}, 80: {otherAgency, otherClient}} {
		content := domain.PostContent{
			PostRef: domain.PostRef{ParentAccount: of[0], SocialAccount: social, ExternalID: "p"}, AccountID: of[1], Origin: domain.OriginListing,
			PostTexts: domain.PostTexts{MediaURL: "https://media.example/p.jpg"},
		}
		require.NoError(t, b.facts.Append(t.Context(), commands.ContentDraft(content, said)))
		contents[social], pictures[content.PostRef] = content, "\xff\xd8 picture of "+of[1]
	}
	const path = "/api/activities/70:p/picture"
	for path, want := range map[string]map[string]int{
		path:                           {"agency": http.StatusOK, "client": http.StatusOK, "auditor": http.StatusForbidden, "operator": http.StatusForbidden, "": http.StatusUnauthorized},
		"/api/activities/90:p/picture": {"agency": http.StatusOK, "client": http.StatusNotFound},
		"/api/activities/80:p/picture": {"agency": http.StatusNotFound, "client": http.StatusNotFound},
		"/api/activities/70:q/picture": {"agency": http.StatusNotFound, "client": http.StatusNotFound},
	} {
		for role, status := range want {
			answer := b.get(path, b.tokenOf(role))
			require.Equal(t, status, answer.status, "%s as %q: %s", path, role, answer.body)
			require.NotContains(t, answer.body, "picture of "+otherClient)
		}
	}

	answer := b.get(path, b.agencyToken())
	require.Equal(t, "\xff\xd8 picture of "+client1, answer.body)
	require.Equal(t, "image/jpeg", answer.header.Get("Content-Type"))
	require.Equal(t, "nosniff", answer.header.Get("X-Content-Type-Options"))
	require.Equal(t, "private, no-cache", answer.header.Get("Cache-Control"))
	again := b.ask(http.MethodGet, path, "", "Authorization: Bearer "+b.agencyToken(), "If-None-Match: "+answer.header.Get("ETag"))
	require.Equal(t, http.StatusNotModified, again.status)
	require.Empty(t, again.body)

	require.NoError(t, b.facts.Append(t.Context(), commands.EraseContentDraft(contents[70].Key(), said.Add(time.Hour))))
	require.Equal(t, http.StatusNotFound, b.get(path, b.agencyToken()).status, "its texts are erased: it is not shown, though it is still kept")
}
