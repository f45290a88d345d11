package signin

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/coreos/go-oidc/v3/oidc"
)

// Logout names sessions that ended at the provider.
type Logout struct {
	Issuer  string
	Subject string // whose sessions ended; "": only Session names them
	Session string // the one session that ended; "": all sessions of Subject
}

// Logout verifies the logout token of a provider (OpenID Connect Back-Channel Logout 1.0 §2.6).
// Errors: [ErrAway], [ErrToken].
func (p *Provider) Logout(ctx context.Context, raw string) (Logout, error) {
	found, err := p.find(ctx)
	if err != nil {
		return Logout{}, err
	}
	ended, err := p.verifyLogout(ctx, found, raw)
	if err != nil { // the keys may have moved, or their algorithm changed
		if fresh := p.again(ctx, found); fresh != found {
			ended, err = p.verifyLogout(ctx, fresh, raw)
		}
	}
	return ended, err
}

func (p *Provider) verifyLogout(ctx context.Context, found *discovered, raw string) (Logout, error) {
	token, err := verified(ctx, p, found, raw, (*oidc.IDTokenVerifier).VerifyLogout)
	if err != nil {
		return Logout{}, err
	}
	return Logout{Issuer: token.Issuer, Subject: token.Subject, Session: token.SessionID}, nil
}

// ErrEnded means that the session at the provider has ended, or that the person may no longer sign
// in there.
var ErrEnded = errors.New("the session at the provider has ended")

// Renew asks the provider with a refresh token whether the session there goes on, and returns the
// refresh token for the next question. Errors: [ErrEnded], [ErrAway], [ErrSetup].
func (p *Provider) Renew(ctx context.Context, refresh string) (next string, err error) {
	found, err := p.find(ctx)
	if err != nil {
		return "", err
	}
	tokens, _, err := p.exchange(ctx, found, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}})
	switch {
	case errors.Is(err, ErrCode): // invalid_grant, RFC 6749 §5.2
		return "", fmt.Errorf("%w (%w)", ErrEnded, err)
	case err != nil:
		return "", err
	case tokens.RefreshToken == "": // the same one stays valid, RFC 6749 §6
		return refresh, nil
	}
	return tokens.RefreshToken, nil
}

// SignOutURL returns the URL where a browser can end its session at the provider (OpenID Connect
// RP-Initiated Logout 1.0); "" if the metadata names none or is not known at the moment.
func (p *Provider) SignOutURL(ctx context.Context) string {
	found, err := p.find(ctx)
	if err != nil || found.signOut == "" {
		return ""
	}
	at, err := url.Parse(found.signOut)
	if err != nil {
		return ""
	}
	query := at.Query()
	query.Set("client_id", p.config.ClientID)
	at.RawQuery = query.Encode()
	return at.String()
}
