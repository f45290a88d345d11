package console

import (
	"net/url"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/internal/signin"
)

type firstAgencyForm struct {
	Agency, Name, Email string
	Faults              formFaults
}

var firstAgencyWords = map[string]fieldWords{
	"code": {"code", "This is not the code. The service logs it at startup, " +
		"in the message that starts with \"no agency exists yet\"."},
	"name of the agency": {"agency", "Enter the agency's name."},
	"name":               {"name", "Enter your name."},
	"email":              {"email", "Enter your email address."},
}

// createFirstAgency creates the first agency. It signs in the agency's first user unless there is
// an identity provider.
func createFirstAgency(v *visit) (view, error) {
	if v.deps.CreateFirst == nil {
		return nil, errNoPage
	}
	entered := firstAgencyForm{Agency: v.form.Get("agency"), Name: v.form.Get("name"), Email: v.form.Get("email")}
	user, err := v.deps.CreateFirst(v.r.Context(), v.form.Get("code"), entered.Agency,
		commands.NewPerson{Name: entered.Name, Email: entered.Email})
	if err != nil {
		faults, inForm := faultsOf(err, firstAgencyWords)
		if !inForm {
			return nil, err
		}
		entered.Faults = faults
		return showSignIn(v, signInView{First: &entered})
	}
	if v.deps.Provider != nil {
		return redirect(signInPath + "?" + url.Values{"to": {root}}.Encode()), nil
	}
	return redirect(root), signIn(v, signin.Session{
		Person: signin.Person{UserID: user.ID, AccountID: user.AccountID, Role: signin.RoleAgency}, Way: wayFirst,
	}, nil)
}
