package simulator_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

func sign(text string) []byte {
	mac := hmac.New(sha256.New, []byte("secret"))
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func proofOf(token string) string { return hex.EncodeToString(sign(token)) }

// requireSigned opens a signed request and answers what it says.
func requireSigned(t *testing.T, signed string) (said map[string]any) {
	t.Helper()
	signature, payload, found := strings.Cut(signed, ".")
	require.True(t, found)
	require.Equal(t, base64.RawURLEncoding.EncodeToString(sign(payload)), signature)
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &said))
	require.Equal(t, "HMAC-SHA256", said["algorithm"])
	require.InDelta(t, testNow.Unix(), said["issued_at"], 0)
	return said
}

// Who removes the app has Meta call us with a signed request, and the tokens are dead.
func TestSignedRequests(t *testing.T) {
	t.Parallel()
	s := withPeople(simulator.Config{})
	require.Equal(t, simulator.Jonas, requireSigned(t, s.SignedRequest(domain.Facebook, simulator.Jonas))["user_id"])
	require.Equal(t, "app90031", requireSigned(t, s.SignedRequest(domain.Instagram, simulator.Mara))["user_id"])
	require.Empty(t, s.SignedRequest(domain.Instagram, simulator.Jonas), "he has no account there")

	var paths []string
	var signed string
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths, signed = append(paths, r.Method+" "+r.URL.Path), r.PostFormValue("signed_request")
		_, _ = w.Write([]byte(`{"url":"https://boards.example/erased","confirmation_code":"c0de"}`))
	}))
	t.Cleanup(app.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	require.Contains(t, browse(t, s, "/facebook"+simulator.PathApps, nil).Body.String(), "Nobody has let the app in")
	for _, decision := range []string{"remove", "erase"} {
		person := facebookPerson(t, s, simulator.Jonas, "90014")
		list := browse(t, s, "/facebook"+simulator.PathApps, nil).Body.String()
		require.Contains(t, list, `value="https://boards.example/connect/meta/deauthorize"`)
		require.Contains(t, list, `value="https://boards.example/connect/meta/delete"`)
		form := url.Values{"as": {simulator.Jonas}, "decision": {decision}, "deauthorize": {app.URL + "/connect/meta/deauthorize"}, "delete": {app.URL + "/connect/meta/delete"}}
		shown := browse(t, s, "/facebook"+simulator.PathApps, form)
		require.Contains(t, shown.Body.String(), "c0de")
		require.Equal(t, simulator.Jonas, requireSigned(t, signed)["user_id"])
		_, body := get(t, s, person, "/facebook/v26.0/me?fields=id&appsecret_proof="+proofOf(person))
		code, subcode := errorOf(body)
		require.Equal(t, []float64{190, 458}, []float64{code, subcode})
	}
	require.Equal(t, []string{"POST /connect/meta/deauthorize", "POST /connect/meta/delete"}, paths)
	gone := browse(t, s, "/facebook"+simulator.PathApps, url.Values{"as": {simulator.Jonas}, "decision": {"remove"}})
	require.Equal(t, http.StatusNotFound, gone.Code)
	back(t, browse(t, s, dialogs()[domain.Instagram]+"&as="+simulator.Mara, url.Values{"decision": {"consent"}}))
	unheard := browse(t, s, "/instagram"+simulator.PathApps, url.Values{"as": {simulator.Mara}, "decision": {"remove"}, "deauthorize": {"http://127.0.0.1:1/"}})
	require.Contains(t, unheard.Body.String(), "It could not be called")
}
