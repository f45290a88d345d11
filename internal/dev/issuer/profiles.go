package issuer

// Profile is how a product answers sign-ins, as its documents describe it.
type Profile struct {
	// Claims returns the claims of a person in the ID token and at the userinfo endpoint. A nil map of
	// userinfo stands for a product without that endpoint.
	Claims func(subject, email string) (token, userinfo map[string]any)
	// Methods are the ways to authenticate at the token endpoint that the metadata lists. The client
	// is registered for the last one only.
	Methods []string
	Prompts []string // prompt_values_supported; nil: the metadata does not have it
	// NoAccessToken means that the answer has no access token for the scopes openid and email.
	NoAccessToken bool
	// ClientError is the code of a refused client; "": invalid_client.
	ClientError string
	// GrantErrorStatus is the status of a refused code; 0: 400.
	GrantErrorStatus int
}

const (
	basic = "client_secret_basic"
	post  = "client_secret_post"
)

// Profiles are the products whose registration docs/console.md describes, by their names there.
var Profiles = map[string]Profile{
	// email only with the optional claim, and never email_verified; userinfo (at Microsoft Graph) has the address too.
	"Entra ID": {Methods: []string{post, "private_key_jwt", basic}, Claims: func(subject, email string) (token, userinfo map[string]any) {
		return map[string]any{"email": email, "oid": "o-" + subject, "tid": "t-1", "preferred_username": email, "ver": "2.0"},
			map[string]any{"sub": subject, "email": email, "picture": "https://graph.microsoft.com/v1.0/me/photo/$value"}
	}},
	// xms_edov is an optional claim of the registration; Entra ID writes it as a number in a text, too.
	"Entra ID with xms_edov": {Methods: []string{post, basic}, Claims: func(subject, email string) (token, userinfo map[string]any) {
		return map[string]any{"email": email, "xms_edov": "1", "tid": "t-1"}, map[string]any{"sub": subject, "email": email}
	}},
	// Azure AD B2C has no userinfo endpoint by default, and no access token without a scope of an API.
	"Azure AD B2C": {NoAccessToken: true, Methods: []string{post, basic}, Claims: func(_, email string) (token, userinfo map[string]any) {
		return map[string]any{"email": email, "tfp": "B2C_1_signin"}, nil
	}},
	"Google": {Methods: []string{post, basic}, Claims: func(subject, email string) (token, userinfo map[string]any) {
		return map[string]any{"email": email, "email_verified": true, "hd": "agency.example", "at_hash": "x"},
			map[string]any{"sub": subject, "email": email, "email_verified": true, "hd": "agency.example"}
	}},
	// A person whom an administrator created is not verified until "Email verified" is switched on.
	"Keycloak": {
		Methods: []string{"private_key_jwt", basic, post, "tls_client_auth", "client_secret_jwt", basic}, Prompts: []string{"none", "login", "consent"},
		Claims: func(subject, email string) (token, userinfo map[string]any) {
			return map[string]any{"email": email, "email_verified": false, "typ": "ID", "acr": "1", "azp": ClientID},
				map[string]any{"sub": subject, "email": email, "email_verified": false}
		},
	},
	// The org authorization server issues a thin ID token: the address is at userinfo only.
	"Okta": {Methods: []string{basic, post, "client_secret_jwt", "private_key_jwt", "none", post}, Claims: func(subject, email string) (token, userinfo map[string]any) {
		return map[string]any{"ver": 1, "amr": []string{"pwd"}, "idp": "0oa1"}, map[string]any{"sub": subject, "email": email, "email_verified": true}
	}},
	// email_verified is false for everybody unless a scope mapping says otherwise.
	"authentik": {Methods: []string{post, basic}, Claims: func(subject, email string) (token, userinfo map[string]any) {
		return map[string]any{"email": email, "email_verified": false, "acr": "goauthentik.io/providers/oauth2/default"},
			map[string]any{"sub": subject, "email": email, "email_verified": false}
	}},
	// The ID token has no address unless "User Info inside ID Token" is switched on.
	"Zitadel": {
		Methods: []string{"none", basic, post, "private_key_jwt", basic}, Prompts: []string{"none", "login", "select_account", "create"},
		Claims: func(subject, email string) (token, userinfo map[string]any) {
			return map[string]any{"amr": []string{"pwd"}, "azp": ClientID}, map[string]any{"sub": subject, "email": email, "email_verified": true}
		},
	},
}

// Play has the issuer answer as a product, for one person.
func (i *Issuer) Play(p Profile, subject, email string) {
	token, userinfo := p.Claims(subject, email)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.profile, i.people[subject], i.userinfo = p, token, userinfo
}
