package platforms

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// SignedRequest is a callback from Meta about a person who authorized one of our apps.
type SignedRequest struct {
	Platform domain.Platform // the app: [domain.Facebook], or [domain.Instagram] for Instagram login
	Person   string          // [Consent.PersonID]
	IssuedAt time.Time       // second precision
	// Code identifies the request; it is the same for the same request and known only to Meta and
	// us. It does not identify a person.
	Code string
}

const (
	maxSignedRequest = 8 << 10
	// maxClockSkew is how far Meta's clock may be ahead of our clock.
	maxClockSkew = 5 * time.Minute
)

// ErrNotSigned (invalid) is the only error for a request that Meta did not sign for our app. It
// does not say what was wrong.
var ErrNotSigned = domain.NewError(domain.CodeInvalid,
	"The request is not signed by Meta for this app. Nothing was changed. Check that the configured app secret matches the secret in the app's settings at Meta.")

// ReceivesMetaRequests reports whether an app secret is configured, which is needed to verify
// Meta's callbacks.
func (s *Set) ReceivesMetaRequests() bool {
	return slices.ContainsFunc(s.meta, func(app *graph) bool { return app.endpoint.ClientSecret != "" })
}

// Signed verifies a `signed_request`: the base64url of an HMAC-SHA-256 with the app's secret, a
// dot, and the base64url of a JSON object. It returns one element per app with a matching secret,
// which is one unless two apps share a secret. Error: [ErrNotSigned].
func (s *Set) Signed(raw string) (signed []SignedRequest, err error) {
	signature, payload, _ := strings.Cut(raw, ".")
	if len(raw) > maxSignedRequest {
		return nil, ErrNotSigned
	}
	given, err := unpadded(signature)
	if err != nil {
		return nil, ErrNotSigned
	}
	for _, app := range s.meta {
		mac := hmac.New(sha256.New, []byte(app.endpoint.ClientSecret))
		mac.Write([]byte(payload))
		sum := mac.Sum(nil)
		if app.endpoint.ClientSecret == "" || !hmac.Equal(given, sum) {
			continue
		}
		request, ok := openSigned(payload, s.now())
		if !ok {
			return nil, ErrNotSigned
		}
		const codeBytes = 16
		code := sha256.Sum256(append([]byte("confirmation code\x00"), sum...))
		request.Platform, request.Code = app.platform, hex.EncodeToString(code[:codeBytes])
		signed = append(signed, request)
	}
	if len(signed) == 0 {
		return nil, ErrNotSigned
	}
	return signed, nil
}

func openSigned(payload string, now time.Time) (r SignedRequest, ok bool) {
	raw, err := unpadded(payload)
	if err != nil {
		return r, false
	}
	var body struct {
		Algorithm string `json:"algorithm"`
		Person    text   `json:"user_id"`
		IssuedAt  int64  `json:"issued_at"`
	}
	if json.Unmarshal(raw, &body) != nil || !strings.EqualFold(body.Algorithm, "HMAC-SHA256") || body.IssuedAt <= 0 || !plainID(string(body.Person), "_-") {
		return r, false
	}
	r.Person, r.IssuedAt = string(body.Person), time.Unix(body.IssuedAt, 0).UTC()
	return r, !r.IssuedAt.After(now.Add(maxClockSkew))
}

// unpadded decodes base64url with or without padding.
func unpadded(text string) ([]byte, error) {
	return base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
}
