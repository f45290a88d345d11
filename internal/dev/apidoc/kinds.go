package apidoc

import (
	"fmt"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/ledgerboard/ledgerboard/api"
)

// kinds has the schema of each kind of parameter; a kind that is not here is a text without a form.
var kinds = map[api.Kind]func(*openapi3.Schema){
	api.KindHexID:    func(s *openapi3.Schema) { s.Pattern = "^[0-9a-fA-F]{24}$" },
	api.KindAccount:  func(s *openapi3.Schema) { s.Pattern = "^([0-9a-fA-F]{24}|[1-9][0-9]*)$" },
	api.KindCategory: func(s *openapi3.Schema) { s.Pattern = "^([0-9]+|all)$" },
	api.KindVersion:  func(s *openapi3.Schema) { s.Pattern = "^v?[1-9][0-9]*$" },
	api.KindZone:     func(s *openapi3.Schema) { s.Default = "UTC" },
	api.KindPlatform: func(s *openapi3.Schema) { s.Enum = []any{"all", "0", "1", "3", "4", "6"} },
	api.KindOrder:    func(s *openapi3.Schema) { s.Default = "desc" },

	api.KindGranularity: func(s *openapi3.Schema) { s.Default = "day" },
	api.KindRowID: func(s *openapi3.Schema) {
		s.Type, s.Format, s.Min = &openapi3.Types{"integer"}, "int64", new(1.0)
	},
	api.KindLimit: func(s *openapi3.Schema) {
		s.Type, s.Min, s.Max, s.Default = &openapi3.Types{"integer"}, new(1.0), new(float64(api.MaxPageLimit)), api.DefaultPageLimit
	},
}

// parameter describes a declared parameter where the pattern has it.
func parameter(declared api.Param, inPath bool) (*openapi3.ParameterRef, error) {
	if declared.Name == "" || declared.Kind == "" || declared.Text == "" {
		return nil, fmt.Errorf("parameter %q has no name, kind or text", declared.Name)
	}
	schema := &openapi3.Schema{Type: &openapi3.Types{"string"}}
	if form := kinds[declared.Kind]; form != nil {
		form(schema)
	}
	for _, word := range declared.Words {
		schema.Enum = append(schema.Enum, word)
	}
	p := &openapi3.Parameter{
		Name: declared.Name, In: openapi3.ParameterInQuery, Required: declared.Required, Description: declared.Text,
		Schema: openapi3.NewSchemaRef("", schema), Example: declared.Example,
	}
	switch {
	case declared.Header:
		p.In = openapi3.ParameterInHeader
	case inPath:
		p.In, p.Required = openapi3.ParameterInPath, true
	case declared.Default != "":
		p.Description += " Default: " + declared.Default + "."
	}
	return &openapi3.ParameterRef{Value: p}, nil
}
