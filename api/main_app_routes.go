package api

import (
	"net/http"
	"reflect"
	"time"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
)

// MainAppDeps are what a main application that signs people in itself registers pages with, and hands tokens over.
type MainAppDeps struct {
	Register connect.Registrations
	Tokens   collect.HandOverTokens
}

func (m *MainAppDeps) routes() []Operation {
	mainApp := []Role{RoleMainApp}
	return []Operation{
		{
			http.MethodPost, "/api/platforms", "postPlatforms", mainApp,
			answering(nothing, m.postPlatform).accepting(reflect.TypeFor[registrationBody]()),
		},
		{
			http.MethodPut, "/api/connections/{connection}/tokens", "putConnectionTokens", mainApp,
			answering(idOf(paramConnectionID), m.putTokens).accepting(reflect.TypeFor[tokensBody]()),
		},
	}
}

// registrationBody is a page or profile whose people the main application signs in.
type registrationBody struct {
	// Account is the id of the account whose page it is: a client, or an agency itself.
	Account  string             `json:"account"`
	Platform domain.Platform    `json:"platform"`         // {platforms}
	AType    domain.AccountType `json:"a_type,omitempty"` // {account types}
	// ExternalID is the platform's id of the page or profile.
	ExternalID string `json:"external_id"`
	Name       string `json:"name"`           // as the platform shows it, at most 200 characters
	User       string `json:"user,omitempty"` // whose it is: a user of the account
	// Connected false ends that it is read; left out: true.
	Connected bool `json:"connected,omitempty"`
}

func (m *MainAppDeps) postPlatform(r *http.Request, _ none) (done connect.Registered, err error) {
	body, bad, err := readBody(r, registrationBody{Connected: true}, "is not known here", malformedMember)
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

// tokensBody is what a platform gave to the application that signed the person in. It is never logged or returned.
type tokensBody struct {
	// AccessToken is the person's, or at Facebook and for Instagram behind a page the page's own.
	AccessToken  string     `json:"access_token"`
	RefreshToken string     `json:"refresh_token,omitempty"` // left out: the platform gave none
	ExpiresAt    *time.Time `json:"expires_at,omitempty"`    // of the access token; left out: never, or not known
	// RefreshExpiresAt is when refresh_token ends; left out: never, or not known.
	RefreshExpiresAt *time.Time `json:"refresh_expires_at,omitempty"`
	// OwnLogin says that the token is of Instagram login, not of Facebook login; left out: as before.
	OwnLogin *bool `json:"instagram_login,omitempty"`
}

func (m *MainAppDeps) putTokens(r *http.Request, connection int64) (done collect.HandedOver, err error) {
	members, err := readObject(r)
	if err != nil {
		return done, err
	}
	given, wrong := collect.ReadTokens(members)
	var bad domain.FieldErrors
	for _, field := range wrong {
		bad.Addf(field.Field, "%s", field.Detail)
	}
	if err := bad.Err(); err != nil {
		return done, err
	}
	return m.Tokens.HandOver(r.Context(), connection, given)
}
