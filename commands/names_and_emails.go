package commands

import (
	"net/mail"
	"strings"
	"unicode/utf8"

	"github.com/ledgerboard/ledgerboard/domain"
)

// MaxName bounds names, addresses and the like, in characters.
const MaxName = 200

// checkName trims a text and refuses one that no person could have meant.
func checkName(bad *domain.FieldErrors, field string, text *string, wanted bool) {
	*text = strings.TrimSpace(*text)
	switch {
	case *text == "" && wanted:
		bad.Addf(field, "is missing; give one")
	case utf8.RuneCountInString(*text) > MaxName, !utf8.ValidString(*text), strings.ContainsFunc(*text, func(r rune) bool { return r < ' ' }):
		bad.Addf(field, "is not a text of at most %d characters on one line", MaxName)
	}
}

// checkEmail refuses what is not an e-mail address. The case of letters stays as given.
func checkEmail(bad *domain.FieldErrors, email *string, wanted bool) {
	checkName(bad, "email", email, wanted)
	if parsed, err := mail.ParseAddress(*email); *email != "" && (err != nil || parsed.Address != *email) {
		bad.Addf("email", "is not an e-mail address, like jonas@example.com")
	}
}
