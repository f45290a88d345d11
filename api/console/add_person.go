package console

import (
	"crypto/rand"
	"errors"
	"net/http"

	"github.com/ledgerboard/ledgerboard/domain"
)

// invitation is the form by which somebody is added, with what was entered.
type invitation struct {
	Entry  personEntry
	Said   string // why nobody was added
	Fields []domain.FieldError
}

// personEntry is what is entered of a person. Its key has a form that is sent twice add one person.
type personEntry struct{ Name, Email, Phone, Key string }

func newInvitation() invitation { return invitation{Entry: personEntry{Key: rand.Text()}} }

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
	if why, told := errors.AsType[*domain.Error](err); told && why.Code != domain.CodeUnavailable {
		entered.Said, entered.Fields = why.Message, why.Fields
		entered.Entry.Key = rand.Text() // what is mended is another request
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
