package platforms_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

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

func TestSignedRequest(t *testing.T) {
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

// The error is the same, whatever is wrong.
func TestUnsignedRequest(t *testing.T) {
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
