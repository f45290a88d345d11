package main

import (
	"github.com/ledgerboard/ledgerboard/api/console"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/identity"
)

// signingIn says which identity provider signs people in to the console, and who is auditor or operator by it.
type signingIn struct {
	OIDCIssuer       string   `name:"oidc-issuer" env:"LEDGERBOARD_OIDC_ISSUER" placeholder:"https://…" help:"Issuer of the identity provider (OpenID Connect) by which people sign in to the console. With it one-time links sign nobody in. None: there is no provider."`
	OIDCClientID     string   `name:"oidc-client-id" env:"LEDGERBOARD_OIDC_CLIENT_ID" help:"Client id of this service at the identity provider."`
	OIDCClientSecret string   `name:"oidc-client-secret" env:"LEDGERBOARD_OIDC_CLIENT_SECRET" placeholder:"SECRET" help:"Client secret at the identity provider."`
	OIDCStaff        []string `name:"oidc-staff" env:"LEDGERBOARD_OIDC_STAFF" placeholder:"ROLE:WHO,…" help:"Who is operator or auditor by the identity provider: operator:WHO, auditor:AGENCY:WHO. WHO is an e-mail address that the provider verifies, or a subject of it."`
}

// validate reports every wrong setting; publicURL is where browsers find the service.
func (s signingIn) validate(publicURL string) (wrong faults) {
	staff, err := identity.ParseStaff(s.OIDCStaff)
	wrong.add(named("LEDGERBOARD_OIDC_STAFF", err))
	if s.OIDCIssuer == "" {
		wrong.unlessf(s.OIDCClientID == "" && s.OIDCClientSecret == "" && staff.Empty(), "LEDGERBOARD_OIDC_ISSUER is not set, and another of "+
			"LEDGERBOARD_OIDC_… is: name the identity provider, or unset them all")
		return wrong
	}
	wrong.add(named("LEDGERBOARD_OIDC_ISSUER", identity.CheckIssuer(s.OIDCIssuer)))
	wrong.unlessf(s.OIDCClientID != "" && s.OIDCClientSecret != "",
		"LEDGERBOARD_OIDC_CLIENT_ID and LEDGERBOARD_OIDC_CLIENT_SECRET: both are needed with LEDGERBOARD_OIDC_ISSUER")
	wrong.unlessf(publicURL != "", "LEDGERBOARD_PUBLIC_URL is not set: the identity provider (LEDGERBOARD_OIDC_ISSUER) sends people back there, to %s",
		console.ReturnPath)
	return wrong
}

func (s settings) signIns() (in *assembly.SignIns, err error) {
	in = &assembly.SignIns{PublicURL: s.PublicURL}
	if s.OIDCIssuer == "" {
		return in, nil
	}
	in.Provider = identity.NewProvider(identity.Config{
		Issuer: s.OIDCIssuer, ClientID: s.OIDCClientID, ClientSecret: s.OIDCClientSecret, RedirectURL: s.PublicURL + console.ReturnPath,
	})
	in.Staff, err = identity.ParseStaff(s.OIDCStaff)
	return in, err
}
