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

// SignedRequest is what Meta says when it calls us about a person who let one of our apps in.
type SignedRequest struct {
	Platform domain.Platform // whose app: [domain.Facebook], or [domain.Instagram] for Instagram login
	Person   string          // [Consent.PersonID]
	IssuedAt time.Time       // to the second
	// Code is the same for the same request, and known to Meta and us alone. It names nobody.
	Code string
}

const (
	maxSignedRequest = 8 << 10
	// signedAhead is how far Meta's clock may be ahead of ours.
	signedAhead = 5 * time.Minute
)

// ErrNotSigned (invalid) is the one answer to whatever Meta did not sign for an app of ours: it does not say what was wrong.
var ErrNotSigned = domain.NewError(domain.CodeInvalid,
	"This is no request that Meta signed for our app. Nothing was done. Check that the app's secret is the one that stands in its settings.")

// HearsMeta tells whether the secret of an app is configured by which Meta's calls are known.
func (s *Set) HearsMeta() bool {
	return slices.ContainsFunc(s.meta, func(app *graph) bool { return app.endpoint.ClientSecret != "" })
}

// Signed reads a `signed_request`: base64url of an HMAC-SHA-256 by the app's secret, a dot, base64url of a JSON object. It returns it once
// for each app whose secret has signed it, which is one unless two have the same. Error: [ErrNotSigned].
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
	return r, !r.IssuedAt.After(now.Add(signedAhead))
}

// unpadded decodes base64url with or without padding.
func unpadded(text string) ([]byte, error) {
	return base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
}
