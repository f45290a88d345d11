package apidoc

import (
	"reflect"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/ledgerboard/ledgerboard/domain"
)

// bodyForms are the forms of what operators say beside the address.
func bodyForms() map[string]string {
	var codes []string
	for _, code := range domain.ReasonCodes() {
		if code != domain.ReasonOther {
			codes = append(codes, string(code))
		}
	}
	const ticket = "[A-Za-z0-9._#/-]{1,64}"
	return map[string]string{
		"reason": "(" + strings.Join(codes, "|") + ")(:" + ticket + ")?|" + string(domain.ReasonOther) + ":" + ticket,
		"kind":   strings.Join(domain.FetchKinds(), "|"),
		"report": "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
	}
}

// actionBody is the body of an operator's action, which refuses what it does not know.
func (s *schemas) actionBody(t reflect.Type) *openapi3.SchemaRef {
	ref := s.of(t)
	whole := s.components[strings.TrimPrefix(ref.Ref, "#/components/schemas/")].Value
	whole.AdditionalProperties.Has = new(false)
	for name, pattern := range bodyForms() {
		if member := whole.Properties[name]; member != nil {
			form(pattern)(member.Value)
		}
	}
	return ref
}
