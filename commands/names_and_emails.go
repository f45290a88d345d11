package commands

import (
	"fmt"
	"net/mail"
	"strings"
	"unicode/utf8"

	"github.com/ledgerboard/ledgerboard/domain"
)

// MaxName bounds names, addresses and the like, in characters.
const MaxName = 200

// checkName trims a text and refuses one that no person could have meant.
func checkName(field string, text *string, wanted bool) error {
	*text = strings.TrimSpace(*text)
	var detail string
	switch {
	case *text == "" && wanted:
		detail = "is missing; give one"
	case utf8.RuneCountInString(*text) > MaxName, !utf8.ValidString(*text), strings.ContainsFunc(*text, func(r rune) bool { return r < ' ' }):
		detail = fmt.Sprintf("is no text of at most %d characters on one line", MaxName)
	default:
		return nil
	}
	return domain.NewError(domain.CodeInvalid, "The request is not well-formed: %s %s.", field, detail).WithField(field, detail)
}

// checkEmail refuses what is no address; the case of letters stays as it is given.
func checkEmail(email *string, wanted bool) error {
	if err := checkName("email", email, wanted); err != nil || *email == "" {
		return err
	}
	if parsed, err := mail.ParseAddress(*email); err != nil || parsed.Address != *email {
		const detail = "is no e-mail address, like jonas@example.com"
		return domain.NewError(domain.CodeInvalid, "The request is not well-formed: email %s.", detail).WithField("email", detail)
	}
	return nil
}
