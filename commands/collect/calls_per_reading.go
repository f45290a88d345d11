package collect

import (
	"github.com/ledgerboard/ledgerboard/domain"
)

// callsOfMemberPost is how many calls a post of a LinkedIn profile takes: there is no batch, and no half reading.
const callsOfMemberPost = 7

var callsOf = map[string]map[source]int{
	domain.FetchAccounts: {
		{domain.Facebook, 0}: 2, {domain.Instagram, 0}: 5, {domain.LinkedIn, domain.LinkedInProfile}: 7,
		{domain.LinkedIn, domain.LinkedInCompanyPage}: 3, {domain.TikTok, 0}: 1,
	},
	domain.FetchPosts: {
		{domain.Facebook, 0}: 9, {domain.Instagram, 0}: 7, {domain.LinkedIn, domain.LinkedInProfile}: 35,
		{domain.LinkedIn, domain.LinkedInCompanyPage}: 2, {domain.TikTok, 0}: 2,
	},
}

// CallsOf is how many calls a reading takes, as measured (a test measures them again): of an account's totals
// without its demographics, and of its posts where five are due.
func CallsOf(kind string, platform domain.Platform, account domain.AccountType) int {
	return callsOf[kind][source{platform, account}]
}

type source struct {
	platform domain.Platform
	account  domain.AccountType // LinkedIn only
}
