package api

import (
	"encoding/json"
	"net/http"
	"reflect"
	"time"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
)

// mainAppRoutes are the rows of a main application that signs people in itself.
func (s *Server) mainAppRoutes() []route {
	if s.deps.MainApp == nil {
		return nil
	}
	mainApp := []Role{RoleMainApp}
	return []route{
		{http.MethodPost, "/api/platforms", "postPlatforms", mainApp, s.postPlatform()},
		{http.MethodPut, "/api/connections/{connection}/tokens", "putConnectionTokens", mainApp, s.putTokens()},
	}
}

// registrationBody is a page or profile whose people the main application signs in.
type registrationBody struct {
	// Account is the id of the account whose page it is: a client, or an agency itself.
	Account  string             `json:"account"`
	Platform domain.Platform    `json:"platform"`         // 1 Facebook, 3 Instagram, 4 LinkedIn, 6 TikTok
	AType    domain.AccountType `json:"a_type,omitempty"` // LinkedIn: 1 profile, 2 company page
	// ExternalID is the platform's id of the page or profile.
	ExternalID string `json:"external_id"`
	Name       string `json:"name"`           // as the platform shows it, at most 200 characters
	User       string `json:"user,omitempty"` // whose it is: a user of the account
	// Connected false ends that it is read; left out: true.
	Connected bool `json:"connected,omitempty"`
}

func (s *Server) postPlatform() operation {
	return taking(func(w http.ResponseWriter, r *http.Request, params *Params) error {
		if err := params.Err(); err != nil {
			return err
		}
		members, err := s.readObject(w, r)
		if err != nil {
			return err
		}
		reg, err := registrationOf(members)
		if err != nil {
			return err
		}
		p, _ := PrincipalFrom(r.Context())
		reg.By = domain.ConnectRequester{UserID: p.UserID, Role: string(RoleMainApp)}
		done, err := s.deps.MainApp.Register.Register(r.Context(), reg)
		if err != nil {
			return err
		}
		return s.writeData(w, done, nil)
	}).answering(reflect.TypeFor[connect.Registered](), nil).accepting(reflect.TypeFor[registrationBody]())
}

// registrationOf reads a body. Unknown members are refused because they may be misspelled.
func registrationOf(members map[string]json.RawMessage) (reg connect.Registration, err error) {
	var bad domain.FieldErrors
	texts := map[string]*string{"account": &reg.AccountID, "external_id": &reg.ExternalID, "name": &reg.Name, "user": &reg.UserID}
	for name := range members {
		switch into := texts[name]; {
		case into != nil:
			if text := member[string](members, name, "a text", &bad); text != nil {
				*into = *text
			}
		case name == "platform":
			if number := member[int](members, name, "a number", &bad); number != nil {
				reg.Platform = domain.Platform(*number)
			}
		case name == "a_type":
			if number := member[int](members, name, "a number", &bad); number != nil {
				reg.AccountType = domain.AccountType(*number)
			}
		case name == "connected":
			connected := boolMember(members, name, &bad)
			reg.Ends = connected != nil && !*connected
		default:
			bad.Addf(clip(name), "is not known here")
		}
	}
	reg.AccountID = bad.HexID("account", reg.AccountID)
	if reg.UserID != "" {
		reg.UserID = bad.HexID("user", reg.UserID)
	}
	return reg, bad.Err()
}

// tokensBody is what a platform gave to the application that signed the person in. It is never logged or returned.
type tokensBody struct {
	// AccessToken is the person's, or at Facebook and for Instagram behind a page the page's own.
	AccessToken  string     `json:"access_token"`
	RefreshToken string     `json:"refresh_token,omitempty"` // left out: the platform gave none
	ExpiresAt    *time.Time `json:"expires_at,omitempty"`    // of the access token; left out: never, or not known
	// RefreshExpiresAt is when refresh_token ends; left out: never, or not known.
	RefreshExpiresAt *time.Time `json:"refresh_expires_at,omitempty"`
	// InstagramLogin says that the token is of Instagram login, not of Facebook login; left out: as before.
	InstagramLogin *bool `json:"instagram_login,omitempty"`
}

func (s *Server) putTokens() operation {
	return taking(func(w http.ResponseWriter, r *http.Request, params *Params) error {
		connection := params.ID(paramConnectionID)
		if err := params.Err(); err != nil {
			return err
		}
		members, err := s.readObject(w, r)
		if err != nil {
			return err
		}
		given, wrong := collect.ReadTokens(members)
		bad := domain.FieldErrors{}
		for _, field := range wrong {
			bad.Addf(field.Field, "%s", field.Detail)
		}
		if err := bad.Err(); err != nil {
			return err
		}
		done, err := s.deps.MainApp.Tokens.HandOver(r.Context(), connection, given)
		if err != nil {
			return err
		}
		return s.writeData(w, done, nil)
	}, paramConnectionID).answering(reflect.TypeFor[collect.HandedOver](), nil).accepting(reflect.TypeFor[tokensBody]())
}
