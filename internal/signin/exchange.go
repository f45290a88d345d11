package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
)

// How a client can authenticate at the token endpoint.
const (
	methodBasic = "client_secret_basic"
	methodPost  = "client_secret_post"
)

// tokenAnswer is a response of the token endpoint. It has no access token if the provider issues
// none for the requested scopes.
type tokenAnswer struct {
	IDToken      string `json:"id_token"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	Error        string `json:"error"`
	Description  string `json:"error_description"`
}

// maxTokenAnswer is the maximum size of a response of the token endpoint, in bytes.
const maxTokenAnswer = 1 << 20

// codeForm is the request to exchange the code of a sign-in (RFC 6749 §4.1.3, RFC 7636 §4.5).
func (p *Provider) codeForm(f Flow, code string) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {p.config.RedirectURL},
		"code_verifier": {f.Verifier},
	}
}

// exchange exchanges a code or a refresh token for tokens. If the token endpoint has moved, it
// repeats discovery and returns what that found.
func (p *Provider) exchange(
	ctx context.Context, found *discovered, grant url.Values,
) (answer tokenAnswer, now *discovered, err error) {
	answer, err = p.exchangeAt(ctx, found, grant)
	if !errors.Is(err, ErrAway) {
		return answer, found, err
	}
	before := found.Endpoint().TokenURL
	if found = p.again(ctx, found); found.Endpoint().TokenURL != before {
		answer, err = p.exchangeAt(ctx, found, grant)
	}
	return answer, found, err
}

// exchangeAt sends a grant to a token endpoint. Providers refuse a client that authenticates with
// another method than the registered one, and often their metadata lists both methods. exchangeAt
// then tries the other method, and begins with it from then on. The refusal is invalid_client or has
// status 401, with other codes too: Keycloak's is unauthorized_client. A provider does not use up
// the code of a client that it refuses.
func (p *Provider) exchangeAt(ctx context.Context, found *discovered, grant url.Values) (tokenAnswer, error) {
	secret, secretErr := p.config.ClientSecret()
	p.mu.Lock()
	posts := p.posts || found.posts
	p.mu.Unlock()
	var answer tokenAnswer
	var status int
	var said []string
	for range 2 {
		var err error
		if status, answer, err = p.askForTokens(ctx, found.Endpoint().TokenURL, grant, secret, posts); err != nil {
			return answer, fmt.Errorf("%w (%w)", ErrAway, err)
		}
		said = append(said, fmt.Sprintf("status %d, error %q: %s",
			status, answer.Error, p.without(answer.Description, grant.Get("code"), grant.Get("refresh_token"), grant.Get("code_verifier"), secret)))
		if answer.Error != "invalid_client" && status != http.StatusUnauthorized {
			p.mu.Lock()
			p.posts = posts
			p.mu.Unlock()
			break
		}
		posts = !posts
	}
	refusal := "the token endpoint returned " + strings.Join(said, "; with the other client authentication method ")
	temporary := status >= http.StatusInternalServerError || status == http.StatusTooManyRequests ||
		answer.Error == "temporarily_unavailable" || answer.Error == "server_error"
	switch {
	case answer.Error == "invalid_grant": // some providers send errors with status 200
		return answer, fmt.Errorf("%w (%s)", ErrCode, refusal)
	case temporary || answer.Error == "" && status != http.StatusOK:
		return answer, fmt.Errorf("%w (%s)", ErrAway, refusal)
	case answer.Error == "" && (answer.IDToken != "" || grant.Has("refresh_token")): // OpenID Connect Core §12.2
		return answer, nil
	case answer.Error == "":
		return answer, fmt.Errorf("%w (the token endpoint returned no ID token)", ErrSetup)
	case secretErr != nil:
		return answer, fmt.Errorf("%w (%s; the client secret may be outdated: %w)", ErrSetup, refusal, secretErr)
	default:
		return answer, fmt.Errorf("%w (%s)", ErrSetup, refusal)
	}
}

// askForTokens sends one request to the token endpoint. It does not follow redirects, because the
// request contains secrets.
func (p *Provider) askForTokens(
	ctx context.Context, address string, grant url.Values, secret string, posts bool,
) (status int, answer tokenAnswer, err error) {
	form := maps.Clone(grant)
	if posts {
		form.Set("client_id", p.config.ClientID)
		form.Set("client_secret", secret)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, answer, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	if !posts { // RFC 6749 §2.3.1: both are encoded first
		r.SetBasicAuth(url.QueryEscape(p.config.ClientID), url.QueryEscape(secret))
	}
	client := *p.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	got, err := client.Do(r)
	if err != nil {
		return 0, answer, err
	}
	defer got.Body.Close()
	body, err := io.ReadAll(io.LimitReader(got.Body, maxTokenAnswer))
	if err != nil {
		return 0, answer, err
	}
	if err := json.Unmarshal(body, &answer); err != nil && got.StatusCode == http.StatusOK {
		return 0, answer, errors.New("the token endpoint did not return JSON")
	}
	if answer.Error == "" && got.StatusCode == http.StatusUnauthorized {
		answer.Error = "invalid_client" // RFC 6749 §5.2: the meaning of this status
	}
	return got.StatusCode, answer, nil
}

// maxSaid bounds a text of the provider in an error, in bytes.
const maxSaid = 500

// without removes secrets from a text of the provider, which may quote the request.
func (p *Provider) without(text string, secrets ...string) string {
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "…")
		}
	}
	return strings.ToValidUTF8(text[:min(len(text), maxSaid)], "")
}
