package signin

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// sharedIssuers are hosts whose one issuer serves the people of all organizations, or anyone who
// creates an account.
var sharedIssuers = []string{
	"accounts.google.com", "appleid.apple.com", "account.apple.com", "facebook.com", "limited.facebook.com",
	"linkedin.com", "github.com", "token.actions.githubusercontent.com", "gitlab.com", "slack.com", "discord.com",
	"id.twitch.tv", "access.line.me", "kauth.kakao.com", "api.login.yahoo.com", "login.salesforce.com",
	"test.salesforce.com", "paypal.com", "identity.xero.com", "orcid.org",
}

const personalTenant = "9188040d-6c67-4c5b-b112-36a304b66dad" // of all personal accounts in Entra ID

// entraTenant returns the tenant in an issuer of Entra ID, in any of its clouds; "" for others.
func entraTenant(u *url.URL) string {
	host := strings.ToLower(u.Hostname())
	for _, domain := range []string{".microsoftonline.com", ".microsoftonline.us", ".microsoftonline.cn", ".windows.net", ".chinacloudapi.cn"} {
		if strings.HasSuffix(host, domain) {
			tenant, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
			return strings.ToLower(tenant)
		}
	}
	return ""
}

// unlistedPrompts returns what an issuer supports whose metadata lists no prompts. Every provider
// must support login (OpenID Connect Core §3.1.2.1); many refuse select_account. Google and Entra
// ID document select_account, and Google does not document login.
func unlistedPrompts(issuer string) []string {
	u, err := url.Parse(issuer)
	switch {
	case err == nil && u.Hostname() == "accounts.google.com":
		return []string{"select_account"}
	case err == nil && entraTenant(u) != "":
		return []string{"select_account", "login"}
	}
	return []string{"login"}
}

// CheckTrust returns an error if an issuer serves several organizations. Anyone could then create an
// account there with the address of another person, so its addresses must not be trusted unless the
// provider has verified them. The issuer must be valid, see [CheckIssuer].
func CheckTrust(issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil {
		return err
	}
	host := strings.TrimPrefix(strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), "www.")
	if slices.Contains(sharedIssuers, host) || entraTenant(u) == personalTenant {
		return fmt.Errorf("%s serves the people of several organizations, so an address that it has not verified may be "+
			"anyone's: use the issuer of your own organization, or unset this", issuer)
	}
	return nil
}
