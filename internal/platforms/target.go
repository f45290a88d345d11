package platforms

import (
	"cmp"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Target is the account to read and the token to read it with. It prints, logs and marshals without
// the token.
type Target struct {
	AccessToken string
	ExternalID  string             // page id, Instagram user id, TikTok open_id, LinkedIn person or organization id or URN
	AccountType domain.AccountType // LinkedIn only

	// InstagramLogin says that the token comes from Instagram login (graph.instagram.com); Facebook
	// login otherwise. Instagram only.
	InstagramLogin bool

	// CountedBy names, at LinkedIn, the member whose token it is: a quota of the account is that member's, with all that the token reads.
	// "": the account's own.
	CountedBy string
}

// quotaOf is whose quota a call counts against, beside those of the app.
func (t Target) quotaOf() string { return cmp.Or(t.CountedBy, t.ExternalID) }

// Format hides the token, whatever the verb.
func (t Target) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "{%s type %d token %s}", t.ExternalID, int(t.AccountType), mask(t.AccessToken))
}

// MarshalText hides the token, in JSON and in logs too.
func (t Target) MarshalText() ([]byte, error) { return fmt.Append(nil, t), nil }

// RefreshRequest asks for a new access token. Target.ExternalID, when set, must be whom the new
// token belongs to.
type RefreshRequest struct {
	Target       Target // AccessToken is what Instagram renews
	RefreshToken string // what LinkedIn and TikTok renew by
}

// Format hides the tokens, whatever the verb.
func (r RefreshRequest) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "{%s refresh token %s}", r.Target, mask(r.RefreshToken))
}

// MarshalText hides the tokens, in JSON and in logs too.
func (r RefreshRequest) MarshalText() ([]byte, error) { return fmt.Append(nil, r), nil }

// Tokens is what a refresh gave. AccessToken is never empty. An empty RefreshToken means: keep the
// stored one. TikTok's refresh token rotates: store the new one before the access token is used.
type Tokens struct {
	AccessToken      string
	RefreshToken     string
	ExpiresAt        time.Time // zero: the platform did not say
	RefreshExpiresAt time.Time // zero: the platform did not say
	ExternalID       string    // whose tokens they are, where the platform says so (TikTok open_id)
	Scope            string    // as the platform writes it
}

// Scopes are those of Scope, sorted; nil: the platform named none.
func (t Tokens) Scopes() []string { return splitScopes(t.Scope) }

// Format hides the tokens, whatever the verb.
func (t Tokens) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "{%s access %s until %s, refresh %s until %s}", t.ExternalID,
		mask(t.AccessToken), t.ExpiresAt.Format(time.RFC3339), mask(t.RefreshToken), t.RefreshExpiresAt.Format(time.RFC3339))
}

// MarshalText hides the tokens, in JSON and in logs too.
func (t Tokens) MarshalText() ([]byte, error) { return fmt.Append(nil, t), nil }
