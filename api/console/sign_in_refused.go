package console

import (
	"net/http"

	"github.com/ledgerboard/ledgerboard/domain"
)

// RefusalError is a sign-in that is refused, as an error: what the person is told follows from why.
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

// notLetIn is what a person is told, and to do.
var notLetIn = map[Why]*refused{
	WhyLink: refusal(http.StatusNotFound, domain.CodeNotFound,
		"This sign-in link is no longer valid: it was used, has expired, or was not copied completely. Ask the person who sent it for a new one."),
	WhyToken: refusal(http.StatusUnprocessableEntity, domain.CodeUnprocessable,
		"This token signs nobody in: it is too old, of another service, or was not copied whole. Ask whoever gave it to you for a new one."),
	WhyEnded: refusal(http.StatusForbidden, domain.CodeForbidden, "Your access has ended. Ask your agency."),
	WhyProvider: refusal(http.StatusForbidden, domain.CodeForbidden,
		"Links sign nobody in here any more: your organisation's sign-in does. Begin on the page of signing in."),
	WhyNotBegun: refusal(http.StatusForbidden, domain.CodeForbidden,
		"This sign-in was not begun in this browser, was begun again in another of its windows, or took longer than 10 minutes. Nobody was signed in. "+
			"Begin again on the page of signing in."),
	WhyDenied: refusal(http.StatusForbidden, domain.CodeForbidden,
		"Your organisation's sign-in came to no end: it was cancelled there, or it does not let you in here. Nobody was signed in. Begin again, or ask "+
			"whoever looks after it."),
	WhyCode: refusal(http.StatusForbidden, domain.CodeForbidden,
		"This sign-in counts no more: each does once, and not for long. Nobody was signed in. Begin again on the page of signing in."),
	WhyClaims: refusal(http.StatusForbidden, domain.CodeForbidden,
		"What the identity provider says is not for this sign-in, or not for this service. Nobody was signed in. Begin again; if it stays, tell whoever "+
			"runs this service."),
	WhyUnverified: refusal(http.StatusForbidden, domain.CodeForbidden,
		"Your organisation's sign-in does not say that your e-mail address is yours, and nobody is linked to you yet. Have your address verified there, "+
			"and sign in again."),
	WhyNobody: refusal(http.StatusForbidden, domain.CodeForbidden,
		"Nobody with your e-mail address may come in here. Ask your agency to invite you with the address that you sign in with."),
	WhySeveral: refusal(http.StatusForbidden, domain.CodeForbidden,
		"Your e-mail address is that of several people here, so it is not known who you are. Ask your agency: one of them must have it alone."),
	WhyLinked: refusal(http.StatusForbidden, domain.CodeForbidden,
		"The person here with your e-mail address is linked to another sign-in of your organisation. If that was yours, ask whoever runs this service to "+
			"take the link off."),
	WhyNarrowed: refusal(http.StatusForbidden, domain.CodeForbidden,
		"Your organisation's sign-in leaves you nothing that you may do here. Ask whoever looks after it."),
}

// notLetIn notes that somebody is not let in, and returns what to say; user is whom it would have signed in, "" if nobody knows.
func (v *visit) notLetIn(way string, why Why, user string) error {
	v.console.deps.Refused(v.r.Context(), RefusalError{Way: way, Why: why, User: user})
	return notLetIn[why]
}
