package api_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

// said is a form as Meta sends it about a person.
func said(person string, at time.Time) string {
	payload := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"algorithm":"HMAC-SHA256","user_id":%q,"issued_at":%d}`, person, at.Unix()))
	mac := hmac.New(sha256.New, []byte("APPSECRET"))
	mac.Write([]byte(payload))
	return url.Values{"signed_request": {base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) + "." + payload}}.Encode()
}

func TestMetaCallsUs(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	start, _ := b.begun("agency", forClient1)
	browser := &visitor{b: b}
	choose := browser.visit(atPlatform(t, browser.visit(start, nil)), nil).header.Get("Location")
	require.Equal(t, http.StatusSeeOther, browser.visit(choose, ticked(browser.visit(choose, nil), "1.0.1001")).status)
	call := func(path, form string) answer {
		return b.ask(http.MethodPost, path, form, "Content-Type: application/x-www-form-urlencoded")
	}
	issued := time.Now().Add(time.Minute)
	require.Equal(t, http.StatusOK, call("/connect/meta/deauthorize", said("77", issued)).status)
	page := b.get(fmt.Sprintf("/api/platforms/%d", domain.ComputedSocialAccount(agency, domain.Facebook, 0, "1001")), b.agencyToken())
	require.Contains(t, page.body, "removed our app")

	known, unknown := call("/connect/meta/delete", said("77", issued)), call("/connect/meta/delete", said("78", issued))
	for _, got := range []answer{known, unknown} {
		require.Equal(t, http.StatusOK, got.status, got.body)
		told := got.object(t)
		require.Len(t, told, 2, "Meta's members alone")
		state := browser.visit(told["url"].(string), nil)
		require.Equal(t, http.StatusOK, state.status, state.body)
		require.Contains(t, state.body, "is being deleted")
		require.True(t, strings.HasSuffix(told["url"].(string), told["confirmation_code"].(string)))
	}
	require.Equal(t, known.body, call("/connect/meta/delete", said("77", issued)).body)
	require.Equal(t, http.StatusNotFound, browser.visit("/connect/meta/delete/0123456789abcdef0123456789abcdef", nil).status)
	for _, path := range []string{"/connect/meta/deauthorize", "/connect/meta/delete"} {
		forged := call(path, "signed_request=e30.e30")
		require.Equal(t, http.StatusBadRequest, forged.status)
		require.Equal(t, forged.failure(t).Message, call(path, "").failure(t).Message)
		require.Equal(t, http.StatusRequestEntityTooLarge, call(path, "signed_request="+strings.Repeat("x", 200<<10)).status)
	}
	require.NotContains(t, b.logged(), "APPSECRET")
}
