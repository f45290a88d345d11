package apidoc

import (
	"fmt"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Patterns of parameters that mean the same in Go and JavaScript. A value that matches its pattern
// is well-formed. The text of the document lists the rules that patterns cannot express.
const (
	hexForm    = "[0-9a-fA-F]{24}"
	numberForm = "[1-9][0-9]{0,17}"
	year       = "(197[1-9]|19[89][0-9]|20[0-9]{2})"
	leapYear   = "(19(72|76|80|84|88|92|96)|20([02468][048]|[13579][26]))"
	dayForm    = "(" + year + "-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|" +
		leapYear + "-02-29)"
	clockForm   = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?"
	instantForm = dayForm + "T" + clockForm + "(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9])"
	unixForm    = "[1-9][0-9]{8,9}|[1-9][0-9]{12}" // seconds, milliseconds
	timeForm    = dayForm + "|" + instantForm + "|" + unixForm
	momentForm  = "v" + numberForm + "|[1-9][0-9]{0,7}|" + timeForm

	cursorForm = "eyJrIj[o-r][A-Za-z0-9_-]{20,}|" + api.DeadLetterForm // {"k":… in base64; a dead letter

	accountForm = "(" + hexForm + "|" + numberForm + ")"
)

// kinds sets the schema of each kind of parameter. Kinds that are missing are described by their
// words alone.
var kinds = map[api.Kind]func(*openapi3.Schema){
	api.KindText:       func(s *openapi3.Schema) { s.Pattern, s.MaxLength = "^[^\\x00]*$", new(uint64(api.MaxText)) },
	api.KindHexID:      form(hexForm),
	api.KindDigest:     form("[0-9a-f]{64}"),
	api.KindDeadLetter: form(api.DeadLetterForm),
	api.KindAccount:    form(accountForm),
	api.KindAccounts: func(s *openapi3.Schema) { // at most 100 ids; repetition in Go's patterns is limited to 1,000
		s.Pattern, s.MaxLength = "^("+accountForm+"(,"+accountForm+")*)$", new(uint64(100*domain.HexIDLength+99))
	},
	api.KindCategory: form("0|" + numberForm + "|all"),
	api.KindActivity: form(numberForm + ":[!-~]{1,255}"),
	api.KindActor:    form("[^\\x00-\\x1f]{1,255}"),
	api.KindKey:      form("[!-~]([ -~]{0,253}[!-~])?"), // HTTP trims spaces around a header value
	api.KindTags:     form(`\*|(W/)?"[!#-~]*"(, ?(W/)?"[!#-~]*")*`),
	api.KindChanges:  form(changesForm()),
	api.KindTime:     form(timeForm),
	api.KindMoment:   form(momentForm),
	api.KindVersion:  form("v?" + numberForm),
	api.KindZone:     func(s *openapi3.Schema) { s.Pattern, s.Default = zonePattern(), "UTC" },
	api.KindPlatform: func(s *openapi3.Schema) { s.Enum = []any{"all", "0", "1", "3", "4", "6"} },
	api.KindOrder:    func(s *openapi3.Schema) { s.Default = "desc" },
	api.KindCursor: func(s *openapi3.Schema) {
		s.Pattern, s.MaxLength = "^("+cursorForm+")$", new(uint64(api.MaxCursor))
	},

	api.KindGranularity: func(s *openapi3.Schema) { s.Default = "day" },
	api.KindRowID: func(s *openapi3.Schema) {
		s.Type, s.Format, s.Min, s.Max = &openapi3.Types{"integer"}, "int64", new(1.0), new(float64(1<<53-1))
	},
	api.KindLimit: func(s *openapi3.Schema) {
		s.Type, s.Min, s.Max = &openapi3.Types{"integer"}, new(1.0), new(float64(api.MaxPageLimit))
		s.Default = readmodels.DefaultPageLimit
	},
}

// form sets the pattern of a string.
func form(pattern string) func(*openapi3.Schema) {
	return func(s *openapi3.Schema) { s.Pattern = "^(" + pattern + ")$" }
}

// changesForm returns the pattern of short names of dashboard changes, separated by commas.
func changesForm() string {
	var names []string
	for _, full := range domain.NewRegistry().Types() {
		if rest, ok := strings.CutPrefix(full, "dashboard."); ok {
			name, _, _ := strings.Cut(rest, ".")
			names = append(names, name)
		}
	}
	slices.Sort(names)
	one := "(" + strings.Join(slices.Compact(names), "|") + ")"
	return one + "(," + one + ")*"
}

// longKinds have a long pattern. The document contains it once, as a schema that parameters refer
// to.
var longKinds = map[api.Kind]struct{ name, text string }{
	api.KindZone:   {"TimeZone", "Time zone: a name in the IANA database. Names newer than these are accepted too."},
	api.KindTime:   {"Time", "A day (YYYY-MM-DD), an instant (RFC 3339), or Unix seconds or milliseconds."},
	api.KindMoment: {"Moment", "A version of a history (v12, or a number below 100,000,000) or a time."},
}

// addLongKinds adds those schemas.
func (s *schemas) addLongKinds() {
	for kind, about := range longKinds {
		schema := typed("string")
		kinds[kind](schema.Value)
		schema.Value.Description = about.text
		s.components[about.name] = schema
	}
}

// parameter returns the description of a declared parameter.
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
	if long, is := longKinds[declared.Kind]; is {
		p.Schema = openapi3.NewSchemaRef("#/components/schemas/"+long.name, nil)
	}
	return &openapi3.ParameterRef{Value: p}, nil
}
