package apidoc

import (
	"reflect"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
)

// bodyForms are the forms of texts in bodies: of what operators say beside the address, and of whose pages are connected.
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
		"kind":    strings.Join(domain.FetchKinds(), "|"),
		"account": hexForm,

		"report": "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
	}
}

// actionBody is a body that refuses what it does not know.
func (s *schemas) actionBody(t reflect.Type) *openapi3.SchemaRef {
	ref := s.of(t)
	whole := s.components[strings.TrimPrefix(ref.Ref, "#/components/schemas/")].Value
	whole.AdditionalProperties.Has = new(false)
	for name, pattern := range bodyForms() {
		if member := whole.Properties[name]; member != nil {
			form(pattern)(member.Value)
		}
	}
	if days := whole.Properties["days"]; days != nil {
		days.Value.Min, days.Value.Max = new(1.0), new(float64(connect.MaxLinkDays))
	}
	if platforms := whole.Properties["platforms"]; platforms != nil {
		platforms.Value.MinItems = 1
	}
	return ref
}
