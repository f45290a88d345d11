package console

import (
	"context"
	"net/url"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/internal/identity"
)

// FirstAgency creates the first agency and its first user in an empty directory.
type FirstAgency struct {
	// Wanted reports whether the directory is empty.
	Wanted func(ctx context.Context) (bool, error)
	// Create returns the first user. Errors: invalid, conflict (an agency exists), unavailable.
	Create func(ctx context.Context, code, agency string, first commands.NewPerson) (identity.Person, error)
}

// firstAgencyForm is the input for the first agency.
type firstAgencyForm struct {
	Agency, Name, Email string
	Faults              formFaults
}

var firstAgencyWords = map[string]fieldWords{
	"code":               {"code", "This is not the code. The service logs it at the start, with \"no agency exists yet\"."},
	"name of the agency": {"agency", "Enter the agency's name."},
	"name":               {"name", "Enter your name."},
	"email":              {"email", "Enter your email address."},
}

// createFirstAgency creates the first agency, and signs in its first user unless a provider does
// that.
func createFirstAgency(v *visit) (view, error) {
	if v.console.deps.First == nil {
		return nil, errNoPage
	}
	entered := firstAgencyForm{Agency: v.form.Get("agency"), Name: v.form.Get("name"), Email: v.form.Get("email")}
	person, err := v.console.deps.First.Create(v.r.Context(), v.form.Get("code"), entered.Agency,
		commands.NewPerson{Name: entered.Name, Email: entered.Email})
	if err != nil {
		faults, inForm := faultsOf(err, firstAgencyWords)
		if !inForm {
			return nil, err
		}
		entered.Faults = faults
		return showSignIn(v, signInView{First: &entered})
	}
	if v.console.deps.Provider != nil {
		return redirect(signInPath + "?" + url.Values{"to": {root}}.Encode()), nil
	}
	return redirect(root), signIn(v, person, wayFirst, nil, time.Time{})
}
