package console

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"
)

// Passwords checks passwords that were imported. None is set here.
type Passwords interface {
	// Offered tells whether there is one that can be checked.
	Offered(ctx context.Context) (bool, error)
	// Person returns whom an e-mail address and a password sign in. Errors: [*RefusalError], its Way left open, which comes as late for who is not
	// known as for a wrong password; unavailable.
	Person(ctx context.Context, email, password string) (Person, error)
}

const passwordPath = signInPath + "/password"

// passwordOffered tells whether the page of signing in asks for passwords. While the database is away it does not, and shows the other ways.
func (v *visit) passwordOffered() bool {
	if v.console.deps.Passwords == nil {
		return false
	}
	offered, err := v.console.deps.Passwords.Offered(v.r.Context())
	if err != nil {
		v.log(slog.LevelWarn, "console: it is not known whether there are passwords", err)
	}
	return offered && err == nil
}

// usePassword signs in whose address and password these are. All that is wrong with the two is answered alike, and alike late: nobody learns so
// which addresses are known.
func (v *visit) usePassword() (view, error) {
	came := time.Now()
	if v.console.deps.Passwords == nil {
		return nil, errNoPage
	}
	form, err := v.form()
	if err != nil {
		return nil, err
	}
	email := strings.TrimSpace(form.Get("email"))
	p, err := v.console.deps.Passwords.Person(v.r.Context(), email, form.Get("password"))
	if refused, ok := errors.AsType[*RefusalError](err); ok {
		told := v.badPassword(*refused, email, came)
		if told == notLetIn[WhyPassword] {
			return v.showSignIn(signInView{To: form.Get("to"), Email: email, PasswordFault: notLetIn[WhyPassword].why.Message})
		}
		return nil, told
	}
	if err != nil {
		return nil, err
	}
	return wanted(form.Get("to")), v.signIn(p, WayPassword, nil, time.Time{})
}

// badPassword notes why, slows down who tries, whatever its address, and says nothing of why but to who knows the password.
func (v *visit) badPassword(r RefusalError, email string, came time.Time) error {
	told := v.notLetIn(WayPassword, r.Why, r.User)
	v.slowDown("person " + string(Digest(strings.ToLower(email))))
	evenly(v.r.Context(), came)
	if r.Why != WhyEnded {
		told = notLetIn[WhyPassword]
	}
	return told
}
