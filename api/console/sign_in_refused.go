package console

import (
	"net/http"

	"github.com/ledgerboard/ledgerboard/domain"
)

// RefusalError is a sign-in that is refused, as an error: the message follows from why.
type RefusalError struct {
	Way  string
	Why  Why
	User string // id of whom it would have signed in; "": nobody knows
}

// Error implements error.
func (r *RefusalError) Error() string { return "sign-in refused: " + string(r.Why) }

// Why says in a word why somebody is not let in.
type Why string

// Why somebody is not let in.
const (
	WhyLink       Why = "link"         // it was used, is too old or unknown
	WhyToken      Why = "token"        // of the API, likewise
	WhyEnded      Why = "ended"        // the person has no rights any more
	WhyProvider   Why = "provider_set" // a link, and there is an identity provider
	WhyNotBegun   Why = "not_begun"    // not in this browser, or too long ago
	WhyDenied     Why = "denied"       // the provider says no
	WhyCode       Why = "code"         // the provider gives nothing for the code
	WhyClaims     Why = "claims"       // the provider's token is not for this
	WhyUnverified Why = "email"        // the provider says of no address that it is the person's
	WhyNobody     Why = "nobody"       // the directory holds no active user of the address
	WhySeveral    Why = "several"      // it holds several
	WhyLinked     Why = "linked"       // the user is linked to another person of the provider
	WhyNarrowed   Why = "narrowed"     // the provider leaves the person no role here
)

// notLetIn are the messages for refused people, with what to do.
var notLetIn = map[Why]*refused{
	WhyLink: refusal(http.StatusNotFound, domain.CodeNotFound,
		"This sign-in link is no longer valid: it was used, has expired, or was not copied completely. Ask the person who sent it for a new one."),
	WhyToken: refusal(http.StatusUnprocessableEntity, domain.CodeUnprocessable,
		"This token is not valid: it has expired, is for another service, or was not copied completely. Ask the person who gave it to you for a new one."),
	WhyEnded: refusal(http.StatusForbidden, domain.CodeForbidden, "Your access has ended. Ask your agency."),
	WhyProvider: refusal(http.StatusForbidden, domain.CodeForbidden,
		"Sign-in links are disabled here, because your organisation's sign-in is used. Start on the sign-in page."),
	WhyNotBegun: refusal(http.StatusForbidden, domain.CodeForbidden,
		"This sign-in was not started in this browser, was started again in another window, or took longer than 10 minutes. Start again on the sign-in page."),
	WhyDenied: refusal(http.StatusForbidden, domain.CodeForbidden,
		"Your organisation's sign-in failed: it was cancelled there, or it refused you. Start again, or ask its administrators."),
	WhyCode: refusal(http.StatusForbidden, domain.CodeForbidden, "This sign-in has expired. Start again on the sign-in page."),
	WhyClaims: refusal(http.StatusForbidden, domain.CodeForbidden,
		"The answer of the identity provider is not for this sign-in or not for this service. Start again; if this persists, report it to the operator."),
	WhyUnverified: refusal(http.StatusForbidden, domain.CodeForbidden,
		"Your organisation's sign-in has not verified your e-mail address, and no one here is linked to your sign-in yet. Have your address verified there, "+
			"and sign in again."),
	WhyNobody: refusal(http.StatusForbidden, domain.CodeForbidden,
		"No one with your e-mail address has access here. Ask your agency to invite you with the address that you sign in with."),
	WhySeveral: refusal(http.StatusForbidden, domain.CodeForbidden,
		"Your e-mail address belongs to several people here. Ask your agency to give it to one of them only."),
	WhyLinked: refusal(http.StatusForbidden, domain.CodeForbidden,
		"The person with your e-mail address is linked to another sign-in of your organisation. If that was yours, ask the operator to remove the link."),
	WhyNarrowed: refusal(http.StatusForbidden, domain.CodeForbidden,
		"Your organisation's sign-in gives you no rights here. Ask its administrators."),
}

// notLetIn notes that somebody is not let in, and returns what to say; user is whom it would have signed in, "" if nobody knows.
func (v *visit) notLetIn(way string, why Why, user string) error {
	v.console.deps.Refused(v.r.Context(), RefusalError{Way: way, Why: why, User: user})
	return notLetIn[why]
}
