package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
)

// MainAppDeps contains the dependencies of a main application that signs people in itself: it
// registers pages and sends tokens.
type MainAppDeps struct {
	Register connect.Registrations
	Tokens   collect.HandOverTokens
}

type mainApp struct{ *Server }

var mainAppGroup = newGroup(tagConnecting, func(d Deps) bool { return d.MainApp != nil })

var (
	// Registers or disconnects a page or profile for which a main application handles the sign-in. This
	// operation is idempotent: a page is identified by agency, platform and external_id, and keeps its
	// id. Next, send the tokens with PUT /api/connections/{connection}/tokens, using the connection_id
	// from the response. If connected is false, the page is no longer read, its tokens are deleted, and
	// its figures are kept.
	_ = route(mainAppGroup, http.MethodPost, "/api/platforms", "postPlatforms", []Role{RoleMainApp}, does(mainApp.register).
		refusing(domain.CodeNotFound, domain.CodeUnprocessable, domain.CodeConflict))
	// Stores the tokens of a connection after a main application has signed the person in. The service
	// checks the tokens with the platform before it stores them: tokens that cannot read every account
	// of the connection are refused, and the error lists the platform's ids of those accounts. For
	// Facebook pages, and for Instagram accounts linked to a page, a person's token also yields the
	// tokens of the person's pages; a page's token can read only that page. The tokens are stored
	// encrypted, replace all stored tokens of the connection, and never appear in responses or logs.
	// This operation is idempotent, even if the tokens have been renewed since.
	_ = route(mainAppGroup, http.MethodPut, "/api/connections/{connection}/tokens", "putConnectionTokens", []Role{RoleMainApp}, does(mainApp.handOver).
		refusing(domain.CodeUnprocessable, domain.CodeConflict))
)

// registrationBody is a page or profile for which the main application handles the sign-in.
type registrationBody struct {
	// Account is the id of the account that the page belongs to: a client, or an agency itself.
	Account  string             `json:"account" format:"hex" example:"c10000000000000000000001"`
	Platform domain.Platform    `json:"platform" example:"1"` // {platforms}
	AType    domain.AccountType `json:"a_type,omitempty"`     // {account types}
	// ExternalID is the platform's id of the page or profile.
	ExternalID string `json:"external_id" format:"page" example:"90011"`
	Name       string `json:"name" format:"name" example:"Corner Bakery"` // The name on the platform, at most 200 characters.
	User       string `json:"user,omitempty" format:"hex"`                // The user of the account who owns the page.
	// Connected is true if the page is to be read; false disconnects it. The default is true.
	Connected bool `json:"connected,omitempty" default:"true"`
}

func (r *registrationBody) check(d *decoder) {
	r.Account = d.bad.HexID("account", r.Account)
	if r.User != "" {
		r.User = d.bad.HexID("user", r.User)
	}
}

type registrationInput struct {
	Body registrationBody `body:"required"`
}

func (m mainApp) register(ctx context.Context, c Caller, in registrationInput) (connect.Registered, error) {
	page := in.Body
	return m.deps.MainApp.Register.Register(ctx, connect.Registration{
		By:        domain.ConnectRequester{UserID: c.UserID, Role: string(RoleMainApp)},
		AccountID: page.Account, UserID: page.User, Name: page.Name, Ends: !page.Connected,
		PageRef: domain.PageRef{Platform: page.Platform, AccountType: page.AType, ExternalID: page.ExternalID},
	})
}

// tokensBody contains the tokens that a platform issued to the application that signed the person
// in. They are never logged or returned.
type tokensBody struct {
	// AccessToken is the person's token. For Facebook pages and for Instagram accounts linked to a
	// page, it can also be the page's token.
	AccessToken string `json:"access_token" format:"token" example:"EAAB0example"`
	// The refresh token; absent if the platform did not issue one.
	RefreshToken string     `json:"refresh_token,omitempty" format:"maybe token"`
	ExpiresAt    *time.Time `json:"expires_at,omitempty" example:"2099-12-31T08:00:00Z"` // When the access token expires; absent if never or unknown.
	// RefreshExpiresAt is when the refresh token expires; absent if never or unknown.
	RefreshExpiresAt *time.Time `json:"refresh_expires_at,omitempty"`
	// OwnLogin is true if the token is from Instagram Login, false if it is from Facebook Login. If
	// absent, the stored value is kept.
	OwnLogin *bool `json:"instagram_login,omitempty"`

	tokens collect.NewTokens
}

func (t *tokensBody) decodeMembers(members map[string]json.RawMessage, bad *domain.FieldErrors) {
	var invalid []domain.FieldError
	t.tokens, invalid = collect.ReadTokens(members)
	for _, field := range invalid {
		bad.Addf(field.Field, "%s", field.Detail)
	}
}

type tokensInput struct {
	ConnectionID

	Body tokensBody `body:"required"`
}

func (m mainApp) handOver(ctx context.Context, _ Caller, in tokensInput) (collect.HandedOver, error) {
	return m.deps.MainApp.Tokens.HandOver(ctx, int64(in.Connection), in.Body.tokens)
}
