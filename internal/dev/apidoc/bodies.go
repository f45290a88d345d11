package apidoc

import (
	"reflect"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
)

// Patterns of strings in request bodies.
const (
	lineForm  = `[^\x00-\x1f\x7f-\x9f]*`
	nameForm  = lineForm + `[^\s\x00-\x1f\x7f-\xa0]` + lineForm // with a visible character
	tokenForm = "[!-~]"
	// pageIDForm matches a platform's id. It does not end with a colon, because the id of a
	// LinkedIn URN is the part after the last colon.
	pageIDForm = "[!-~]*[!-9;-~]"
	// returnForm matches a path of this service or a URL.
	returnForm = "(https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?)?(/(" + addressChar + "(/|" + addressChar + ")*)?)?"
	// addressChar matches a character of the path, query or fragment of a URL, except a slash.
	addressChar = `([A-Za-z0-9._~!$&'()*+,;=:@?#-]|%[0-9A-Fa-f]{2})`
)

// bodyForms returns the patterns of strings and of the elements of lists in request bodies, by the
// name of the member.
func bodyForms() map[string]string {
	var codes []string
	for _, code := range domain.ReasonCodes() {
		if code != domain.ReasonOther {
			codes = append(codes, string(code))
		}
	}
	const ticket = "[A-Za-z0-9._#/-]{1,64}"
	return map[string]string{
		"reason":  "(" + strings.Join(codes, "|") + ")(:" + ticket + ")?|" + string(domain.ReasonOther) + ":" + ticket,
		"account": hexForm, "user": hexForm, "users": hexForm, "sub_account_ids": hexForm, "name": nameForm,
		"phone": lineForm, "address": lineForm,
		"scopes":       strings.Trim(domain.ScopePattern, "^$"),
		"access_token": tokenForm + "+", "refresh_token": tokenForm + "*", "external_id": pageIDForm,
		"return_to": returnForm,

		"valid_for": "(1[5-9]|[2-9][0-9]|[1-9][0-9]{2,3})m|([1-9][0-9]?|1[0-5][0-9]|16[0-8])h",
		"report":    "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
	}
}

// bodyOf returns the schema of a request body. A strict body has no unknown members.
func (s *schemas) bodyOf(t reflect.Type, strict bool) *openapi3.SchemaRef {
	s.taken = true
	ref := s.of(t)
	s.taken = false
	whole := s.components[strings.TrimPrefix(ref.Ref, "#/components/schemas/")].Value
	if strict {
		whole.AdditionalProperties.Has = new(false)
	}
	for name, pattern := range bodyForms() {
		member := whole.Properties[name]
		if member != nil && member.Value != nil && member.Value.Items != nil {
			member = member.Value.Items
		}
		if member != nil && member.Value != nil {
			form(pattern)(member.Value)
		}
	}
	for _, name := range []string{"name", "email", "phone", "address", "external_id"} {
		if member := whole.Properties[name]; member != nil {
			member.Value.MaxLength = new(uint64(commands.MaxName))
		}
	}
	if email := whole.Properties["email"]; email != nil {
		email.Value.Format = "email"
	}
	if page := whole.Properties["social_account"]; page != nil {
		page.Value.Min, page.Value.Max = new(1.0), new(float64(1<<53-1))
	}
	if days := whole.Properties["days"]; days != nil {
		days.Value.Min, days.Value.Max = new(1.0), new(float64(connect.MaxLinkDays))
	}
	if platforms := whole.Properties["platforms"]; platforms != nil {
		platforms.Value.MinItems = 1
	}
	return ref
}
