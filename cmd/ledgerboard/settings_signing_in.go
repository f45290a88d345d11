package main

import (
	"github.com/ledgerboard/ledgerboard/api/console"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/identity"
)

// signInSettings configures the identity provider of the console, and who is an auditor or
// operator.
type signInSettings struct {
	OIDCIssuer       string   `name:"oidc-issuer" env:"LEDGERBOARD_OIDC_ISSUER" placeholder:"https://…" help:"Issuer of the identity provider (OpenID Connect) for the console. If set, one-time links no longer sign anyone in. Default: no provider."`
	OIDCClientID     string   `name:"oidc-client-id" env:"LEDGERBOARD_OIDC_CLIENT_ID" help:"Client id of this service at the identity provider."`
	OIDCClientSecret string   `name:"oidc-client-secret" env:"LEDGERBOARD_OIDC_CLIENT_SECRET" placeholder:"SECRET" help:"Client secret at the identity provider."`
	OIDCStaff        []string `name:"oidc-staff" env:"LEDGERBOARD_OIDC_STAFF" placeholder:"ROLE:WHO,…" help:"Who is an operator or auditor: operator:WHO, auditor:AGENCY:WHO. WHO is an email address verified by the provider, or a subject of the provider."`
}

// validate reports every invalid setting; publicURL is the public URL of the service.
func (s signInSettings) validate(publicURL string) (wrong faults) {
	staff, err := identity.ParseStaff(s.OIDCStaff)
	wrong.add(wrapError("LEDGERBOARD_OIDC_STAFF", err))
	if s.OIDCIssuer == "" {
		wrong.unlessf(s.OIDCClientID == "" && s.OIDCClientSecret == "" && staff.Empty(), "LEDGERBOARD_OIDC_ISSUER is not set, but another "+
			"LEDGERBOARD_OIDC_… setting is: set the issuer of the identity provider, or unset them all")
		return wrong
	}
	wrong.add(wrapError("LEDGERBOARD_OIDC_ISSUER", identity.CheckIssuer(s.OIDCIssuer)))
	wrong.unlessf(s.OIDCClientID != "" && s.OIDCClientSecret != "",
		"LEDGERBOARD_OIDC_ISSUER requires LEDGERBOARD_OIDC_CLIENT_ID and LEDGERBOARD_OIDC_CLIENT_SECRET")
	wrong.unlessf(publicURL != "", "LEDGERBOARD_PUBLIC_URL is not set: the identity provider (LEDGERBOARD_OIDC_ISSUER) redirects people to it, at %s",
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
