package console

import (
	"crypto/rand"
	"errors"
	"net/http"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// invitation is the form by which somebody is added, with what was entered.
type invitation struct {
	Entry  personEntry
	Faults formFaults // why nobody was added
}

// personEntry is what is entered of a person. Its key has a form that is sent twice add one person.
type personEntry struct{ Name, Email, Phone, Key string }

func newInvitation() invitation { return invitation{Entry: personEntry{Key: rand.Text()}} }

// invitationWords are the fields of an invitation.
var invitationWords = map[string]fieldWords{
	"name": {"name", "Write a name of one line, 200 characters at most."}, "email": {"email", "Write an address like jonas@example.com."},
	"phone": {"phone", "Write a number of one line, 200 characters at most."},
}

// invite adds whom the form names: to an account, or for "" to the agency itself. Made is the id; "": what was entered was not taken, and the
// invitation says why.
func (v *visit) invite(account string) (made string, entered invitation, err error) {
	form, err := v.form()
	if err != nil {
		return "", entered, err
	}
	entered.Entry = personEntry{Name: form.Get("name"), Email: form.Get("email"), Phone: form.Get("phone"), Key: form.Get("key")}
	body := map[string]string{"name": entered.Entry.Name, "email": entered.Entry.Email, "phone": entered.Entry.Phone}
	if account != "" {
		body["account"] = account
	}
	got, err := v.send(http.MethodPost, "/api/users", body, map[string]string{"Idempotency-Key": entered.Entry.Key})
	if faults, taken := faultsOf(err, invitationWords); taken {
		if domain.CodeOf(err) == domain.CodeConflict && faults.Beside["email"] != "" {
			faults.Beside["email"] = "Somebody of the agency or of one of its clients has this address already."
		}
		if errors.Is(err, commands.ErrDirectoryElsewhere) {
			faults.Said = "People come from your main application. Add them there, and they appear here."
		}
		entered.Faults, entered.Entry.Key = faults, rand.Text() // a corrected form is another request
		return "", entered, nil
	}
	if err != nil {
		return "", entered, err
	}
	var user struct {
		ID string `json:"id"`
	}
	err = got.read(&user, nil)
	return user.ID, entered, err
}
