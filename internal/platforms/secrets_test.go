package platforms_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

const secret = "EAABwzLixnjYBO4ZCs8Tok3n+/=|x"

// A value with a token never reveals it when printed, logged or marshaled.
func TestSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	tgt := platforms.Target{AccessToken: secret, ExternalID: "1"}
	for _, v := range []any{
		tgt, &tgt,
		platforms.Tokens{AccessToken: secret, RefreshToken: secret},
		platforms.Endpoint{ClientSecret: secret},
		platforms.Config{TikTok: platforms.Endpoint{ClientSecret: secret}},
	} {
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		text := fmt.Sprintf("%v %+v %#v %s %q %x", v, v, v, v, v, v) + log.String()
		if _, isConfig := v.(platforms.Config); !isConfig {
			raw, err := json.Marshal(v)
			require.NoError(t, err)
			text += string(raw)
		}
		require.NotContains(t, text, secret)
		require.NotContains(t, text, fmt.Sprintf("%x", secret))
	}
}

// Meta repeats a malformed token in its message, possibly encoded or truncated.
func TestTokensAreRemovedFromPlatformMessages(t *testing.T) {
	t.Parallel()
	for _, echo := range []string{secret, url.QueryEscape(secret), secret[:24], "EAASomebodyElsesT0kenThatIsLong"} {
		for _, p := range []domain.Platform{domain.Facebook, domain.TikTok} {
			b := canned(t, func(w http.ResponseWriter, _ *http.Request) {
				body, _ := json.Marshal(map[string]any{"error": map[string]any{"message": "Malformed access token " + echo + " in\nrequest", "code": echo}})
				answer(w, http.StatusBadRequest, string(body))
			})
			err := b.client(t, p).accountErr(platforms.Target{AccessToken: secret, ExternalID: "1"})
			require.Error(t, err)
			require.NotContains(t, err.Error(), echo)
			require.NotContains(t, err.Error(), "\n")
		}
	}
}

// A short token is removed from the platform's message because it is the call's own. Metric names
// stay, however long. Errors end up in logs: they contain no message, and no sentence as a code.
func TestErrorsContainNoPlatformMessage(t *testing.T) {
	t.Parallel()
	for body, want := range map[string][2]string{ // the message, the error
		`{"error":{"code":190,"message":"no such token: a/b=c or a%2Fb%3Dc"}}`: {
			"no such token: [redacted] or [redacted]", "facebook page: refused (HTTP 400, code 190)",
		},
		`{"error":{"code":100,"message":"(#100) Tried accessing nonexisting field (page_video_complete_views_30s_autoplayed)"}}`: {
			"(#100) Tried accessing nonexisting field (page_video_complete_views_30s_autoplayed)", "facebook page: invalid (HTTP 400, code 100)",
		},
		`{"error":{"code":"Erna Meier has left","message":"m"}}`: {"m", "facebook page: unknown (HTTP 400, code unreadable)"},
	} {
		client := canned(t, always(http.StatusBadRequest, body)).client(t, domain.Facebook)
		err := client.accountErr(platforms.Target{AccessToken: "a/b=c", ExternalID: "1"})
		require.Equal(t, want[0], platforms.PlatformMessage(err))
		require.EqualError(t, err, want[1])
	}
}

func TestConfigDefaults(t *testing.T) {
	t.Parallel()
	cfg := platforms.Config{}.WithDefaults()
	hosts := platforms.Hosts
	require.Equal(t, []string{"https://graph.facebook.com", "https://graph.facebook.com", "https://www.facebook.com", "v26.0"}, hosts(cfg.Facebook))
	require.Equal(t, []string{"https://graph.instagram.com", "https://api.instagram.com", "https://www.instagram.com", "v26.0"}, hosts(cfg.Instagram))
	require.Equal(t, []string{"https://api.linkedin.com", "https://www.linkedin.com", "https://www.linkedin.com", "202608"}, hosts(cfg.LinkedIn))
	require.Equal(t, []string{"https://open.tiktokapis.com", "https://open.tiktokapis.com", "https://www.tiktok.com", "v2"}, hosts(cfg.TikTok))
	mock := platforms.Config{LinkedIn: platforms.Endpoint{BaseURL: "http://localhost:1/linkedin/"}}.WithDefaults()
	tgt := "http://localhost:1/linkedin"
	require.Equal(t, []string{tgt, tgt, tgt, "202608"}, hosts(mock.LinkedIn), "a mock serves its own tokens and dialog")
	require.Equal(t, hosts(cfg.Instagram), hosts(cfg.WithDefaults().Instagram))
	set, err := platforms.New(platforms.Config{})
	require.NoError(t, err)
	t.Cleanup(set.Close)
	_, err = set.For(domain.Platform(2))
	require.ErrorIs(t, err, platforms.ErrNoHandler)
}

func TestConfigReportsAllErrors(t *testing.T) {
	t.Parallel()
	_, err := platforms.New(platforms.Config{
		Facebook: platforms.Endpoint{BaseURL: "graph.facebook.com"}, TikTok: platforms.Endpoint{BaseURL: "https://x/?a=b"},
		LinkedIn: platforms.Endpoint{BaseURL: "https://user:pw@host"},
	})
	require.ErrorContains(t, err, "facebook base URL")
	require.ErrorContains(t, err, "tiktok base URL")
	require.ErrorContains(t, err, "linkedin base URL")
	require.NotContains(t, err.Error(), "pw")
}

// Samples of 2026-11-21, created outside this program by Meta's documented rules.
const (
	signedFacebook  = "_NmGEPkWyOe_QylRbO48xzxGBf_6Viyuw2txSUutEiA.eyJhbGdvcml0aG0iOiJITUFDLVNIQTI1NiIsImlzc3VlZF9hdCI6MTc5NTI1MTYwMCwidXNlcl9pZCI6IjEwMTYxIn0"
	signedInstagram = "9i1TfZcLz43FHOcryNZgfGJTyXugj0lTiynhv-N3mck.eyJ1c2VyX2lkIjoxNzg0MTQwMDAwMDAwMDAwMSwiYWxnb3JpdGhtIjoiSE1BQy1TSEEyNTYiLCJpc3N1ZWRfYXQiOjE3OTUyNTE2MDB9"
)

var signedAt = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

// metaApps returns clients that know the secrets of Meta's apps; "" means not configured.
func metaApps(t *testing.T, facebook, instagram string) *platforms.Set {
	t.Helper()
	set, err := platforms.New(platforms.Config{
		Facebook: platforms.Endpoint{ClientSecret: facebook}, Instagram: platforms.Endpoint{ClientSecret: instagram},
		LinkedIn: platforms.Endpoint{ClientSecret: "LISECRET"}, Now: func() time.Time { return signedAt.Add(time.Minute) },
	})
	require.NoError(t, err)
	t.Cleanup(set.Close)
	return set
}

func signedBy(secret, payload string) string {
	body := base64.RawURLEncoding.EncodeToString([]byte(payload))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) + "." + body
}

func TestMetaSignedRequestIsVerified(t *testing.T) {
	t.Parallel()
	set := metaApps(t, "APPSECRET", "IGSECRET")
	for raw, want := range map[string]platforms.SignedRequest{
		signedFacebook:  {Platform: domain.Facebook, Person: "10161", IssuedAt: signedAt, Code: "2368cc969c862c3c570f2c9aa33cbd96"},
		signedInstagram: {Platform: domain.Instagram, Person: "17841400000000001", IssuedAt: signedAt, Code: "855937ef807e19774008884be7bfffda"},
	} {
		for _, form := range []string{raw, strings.Replace(raw, ".", "=.", 1)} {
			got, err := set.Signed(form)
			require.NoError(t, err)
			require.Equal(t, []platforms.SignedRequest{want}, got)
		}
	}
	same, err := metaApps(t, "APPSECRET", "APPSECRET").Signed(signedFacebook)
	require.NoError(t, err)
	require.Len(t, same, 2, "two apps with one secret cannot be distinguished")

	require.True(t, metaApps(t, "", "IGSECRET").ReceivesMetaRequests())
	require.False(t, metaApps(t, "", "").ReceivesMetaRequests())
	_, err = metaApps(t, "", "IGSECRET").Signed(signedFacebook)
	require.ErrorIs(t, err, platforms.ErrNotSigned, "the app's secret is not configured")
}

// A secret in a file that is replaced takes effect within a minute.
func TestAReplacedAppSecretTakesEffect(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "secret")
	write := func(secret string) { require.NoError(t, os.WriteFile(file, []byte(secret+"\n"), 0o600)) }
	write("OLD")
	synctest.Test(t, func(t *testing.T) {
		set := metaApps(t, "file:"+file, "")
		_, err := set.Signed(signedFacebook)
		require.ErrorIs(t, err, platforms.ErrNotSigned)
		write("APPSECRET")
		time.Sleep(time.Minute)
		signed, err := set.Signed(signedFacebook)
		require.NoError(t, err)
		require.Len(t, signed, 1)
	})
	_, err := platforms.New(platforms.Config{TikTok: platforms.Endpoint{ClientSecret: "file:/absent/file"}})
	require.ErrorContains(t, err, "the tiktok app's secret: read the file of a secret: open /absent/file")
}

// The error is the same, whatever is wrong.
func TestInvalidSignedRequestsHaveSameError(t *testing.T) {
	t.Parallel()
	set := metaApps(t, "APPSECRET", "")
	says := func(algorithm, person string, tgt time.Time) string {
		return fmt.Sprintf(`{"algorithm":%q,"user_id":%s,"issued_at":%d}`, algorithm, person, tgt.Unix())
	}
	signature, payload, _ := strings.Cut(signedFacebook, ".")
	empty := signedBy("", says("HMAC-SHA256", `"1"`, signedAt))
	for name, raw := range map[string]string{
		"nothing":                "",
		"no dot":                 signature + payload,
		"another payload":        signature + "." + base64.RawURLEncoding.EncodeToString([]byte(says("HMAC-SHA256", `"1"`, signedAt))),
		"no base64":              "!!." + payload,
		"another app's":          signedBy("ANOTHER", says("HMAC-SHA256", `"1"`, signedAt)),
		"by no secret":           empty,
		"by LinkedIn's secret":   signedBy("LISECRET", says("HMAC-SHA256", `"1"`, signedAt)),
		"another algorithm":      signedBy("APPSECRET", says("NONE", `"1"`, signedAt)),
		"no algorithm":           signedBy("APPSECRET", `{"user_id":"1","issued_at":1795251600}`),
		"no person":              signedBy("APPSECRET", says("HMAC-SHA256", `""`, signedAt)),
		"a person that is no id": signedBy("APPSECRET", says("HMAC-SHA256", `"1 or 2"`, signedAt)),
		"no time":                signedBy("APPSECRET", `{"algorithm":"HMAC-SHA256","user_id":"1"}`),
		"a time that is to come": signedBy("APPSECRET", says("HMAC-SHA256", `"1"`, signedAt.Add(time.Hour))),
		"no JSON":                signedBy("APPSECRET", "x"),
		"too long":               signedBy("APPSECRET", `{"algorithm":"HMAC-SHA256","user_id":"1","issued_at":1795251600,"more":"`+strings.Repeat("x", 8<<10)+`"}`),
	} {
		_, err := set.Signed(raw)
		require.Equal(t, platforms.ErrNotSigned, err, name)
	}
	_, err := set.Signed(signedBy("APPSECRET", says("hmac-sha256", "1", signedAt.Add(3*time.Minute))))
	require.NoError(t, err, "Meta's clock is slightly ahead")
}

func FuzzSignedRequest(f *testing.F) {
	set, err := platforms.New(platforms.Config{Facebook: platforms.Endpoint{ClientSecret: "APPSECRET"}})
	require.NoError(f, err)
	f.Cleanup(set.Close)
	f.Add(signedFacebook)
	f.Add(`{"algorithm":"HMAC-SHA256","user_id":"1","issued_at":1}`)
	f.Fuzz(func(t *testing.T, raw string) {
		for _, request := range []string{raw, signedBy("APPSECRET", raw)} {
			signed, err := set.Signed(request)
			if err == nil && (len(signed) != 1 || signed[0].Person == "" || signed[0].IssuedAt.Unix() <= 0) {
				t.Fatalf("%+v", signed)
			}
		}
	})
}
