package api

import (
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

func (m *MainAppDeps) routes() []Operation {
	mainApp := []Role{RoleMainApp}
	return []Operation{
		{
			http.MethodPost, "/api/platforms", "postPlatforms", mainApp,
			accepting[registrationBody](answering(nothing, m.postPlatform)),
		},
		{
			http.MethodPut, "/api/connections/{connection}/tokens", "putConnectionTokens", mainApp,
			accepting[tokensBody](answering(idOf(paramConnectionID), m.putTokens)),
		},
	}
}

// registrationBody is a page or profile for which the main application handles the sign-in.
type registrationBody struct {
	// Account is the id of the account that the page belongs to: a client, or an agency itself.
	Account  string             `json:"account"`
	Platform domain.Platform    `json:"platform"`         // {platforms}
	AType    domain.AccountType `json:"a_type,omitempty"` // {account types}
	// ExternalID is the platform's id of the page or profile.
	ExternalID string `json:"external_id"`
	Name       string `json:"name"`           // The name on the platform, at most 200 characters.
	User       string `json:"user,omitempty"` // The user of the account who owns the page.
	// Connected is true if the page is to be read; false disconnects it. The default is true.
	Connected bool `json:"connected,omitempty"`
}

func (m *MainAppDeps) postPlatform(r *http.Request, _ none) (done connect.Registered, err error) {
	body, bad, err := readBody(r, registrationBody{Connected: true})
	if err != nil {
		return done, err
	}
	reg := connect.Registration{
		By:        domain.ConnectRequester{UserID: caller(r, RoleMainApp).UserID, Role: string(RoleMainApp)},
		AccountID: bad.HexID("account", body.Account), Name: body.Name,
		PageRef: domain.PageRef{Platform: body.Platform, AccountType: body.AType, ExternalID: body.ExternalID},
		Ends:    !body.Connected,
	}
	if body.User != "" {
		reg.UserID = bad.HexID("user", body.User)
	}
	if err := bad.Err(); err != nil {
		return done, err
	}
	return m.Register.Register(r.Context(), reg)
}

// tokensBody contains the tokens that a platform issued to the application that signed the person
// in. They are never logged or returned.
type tokensBody struct {
	// AccessToken is the person's token. For Facebook pages and for Instagram accounts linked to a
	// page, it can also be the page's token.
	AccessToken string `json:"access_token"`
	// The refresh token; absent if the platform did not issue one.
	RefreshToken string     `json:"refresh_token,omitempty"`
	ExpiresAt    *time.Time `json:"expires_at,omitempty"` // When the access token expires; absent if never or unknown.
	// RefreshExpiresAt is when the refresh token expires; absent if never or unknown.
	RefreshExpiresAt *time.Time `json:"refresh_expires_at,omitempty"`
	// OwnLogin is true if the token is from Instagram Login, false if it is from Facebook Login. If
	// absent, the stored value is kept.
	OwnLogin *bool `json:"instagram_login,omitempty"`
}

func (m *MainAppDeps) putTokens(r *http.Request, connection int64) (done collect.HandedOver, err error) {
	members, err := readObject(r)
	if err != nil {
		return done, err
	}
	tokens, invalid := collect.ReadTokens(members)
	var bad domain.FieldErrors
	for _, field := range invalid {
		bad.Addf(field.Field, "%s", field.Detail)
	}
	if err := bad.Err(); err != nil {
		return done, err
	}
	return m.Tokens.HandOver(r.Context(), connection, tokens)
}
