package apidoc

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
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
var kinds = map[reflect.Type]func(*openapi3.Schema){
	reflect.TypeFor[string]():         anyText,
	reflect.TypeFor[api.Opaque]():     anyText,
	reflect.TypeFor[api.HexID]():      form(hexForm),
	reflect.TypeFor[api.Preview]():    form("[0-9a-f]{64}"),
	reflect.TypeFor[api.DeadLetter](): form(api.DeadLetterForm),
	reflect.TypeFor[api.Account]():    form(accountForm),
	reflect.TypeFor[api.Accounts](): func(s *openapi3.Schema) { // at most 100 ids; repetition in Go's patterns is limited to 1,000
		s.Pattern, s.MaxLength = "^("+accountForm+"(,"+accountForm+")*)$", new(uint64(100*domain.HexIDLength+99))
	},
	reflect.TypeFor[api.CategoryID]():     form("0|" + numberForm + "|all"),
	reflect.TypeFor[api.ActivityID]():     form(numberForm + ":[!-~]{1,255}"),
	reflect.TypeFor[api.Person]():         form("[^\\x00-\\x1f]{1,255}"),
	reflect.TypeFor[api.IdempotencyKey](): form("[!-~]([ -~]{0,253}[!-~])?"), // HTTP trims spaces around a header value
	reflect.TypeFor[api.Match]():          form(`\*|(W/)?"[!#-~]*"(, ?(W/)?"[!#-~]*")*`),
	reflect.TypeFor[api.Changes]():        form(changesForm()),
	reflect.TypeFor[api.Time]():           form(timeForm),
	reflect.TypeFor[api.Moment]():         form(momentForm),
	reflect.TypeFor[api.Version]():        form("v?" + numberForm),
	reflect.TypeFor[api.Zone]():           func(s *openapi3.Schema) { s.Pattern, s.Default = zonePattern(), "UTC" },
	reflect.TypeFor[api.Platforms]():      platformNumbers,
	reflect.TypeFor[api.Cursor](): func(s *openapi3.Schema) {
		s.Pattern, s.MaxLength = "^("+cursorForm+")$", new(uint64(api.MaxCursor))
	},

	reflect.TypeFor[analytics.Granularity](): func(s *openapi3.Schema) { s.Default = "day" },
	reflect.TypeFor[api.RowID](): func(s *openapi3.Schema) {
		s.Type, s.Format, s.Min, s.Max = &openapi3.Types{"integer"}, "int64", new(1.0), new(float64(1<<53-1))
	},
	reflect.TypeFor[api.Limit](): func(s *openapi3.Schema) {
		s.Type, s.Min, s.Max = &openapi3.Types{"integer"}, new(1.0), new(float64(api.MaxPageLimit))
		s.Default = readmodels.DefaultPageLimit
	},
}

// Patterns of strings in request bodies.
const (
	lineForm = `[^\x00-\x1f\x7f-\x9f]*`
	// addressChar matches a character of the path, query or fragment of a URL, except a slash.
	addressChar = `([A-Za-z0-9._~!$&'()*+,;=:@?#-]|%[0-9A-Fa-f]{2})`
)

// formats sets the schema of members of request bodies, by the tag format. The elements of a list
// have the format.
var formats = map[string]func(*openapi3.Schema){
	"hex":         form(hexForm),
	"row":         from1To(1<<53 - 1),
	"line":        named(lineForm),
	"name":        named(lineForm + `[^\s\x00-\x1f\x7f-\xa0]` + lineForm), // with a visible character
	"email":       func(s *openapi3.Schema) { s.Format, s.MaxLength = "email", new(uint64(commands.MaxName)) },
	"scope":       form(strings.Trim(domain.ScopePattern, "^$")),
	"reason":      form(reasonForm()),
	"duration":    form("(1[5-9]|[2-9][0-9]|[1-9][0-9]{2,3})m|([1-9][0-9]?|1[0-5][0-9]|16[0-8])h"),
	"token":       form("[!-~]+"),
	"maybe token": form("[!-~]*"),
	// a platform's id, which does not end with a colon: the id of a LinkedIn URN is the part after the last colon
	"page": named("[!-~]*[!-9;-~]"),
	// a path of this service or a URL
	"return": form("(https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?)?(/(" + addressChar + "(/|" + addressChar + ")*)?)?"),
	"days":   from1To(connect.MaxLinkDays),
	"some":   func(s *openapi3.Schema) { s.MinItems = 1 },
}

func named(pattern string) func(*openapi3.Schema) {
	return func(s *openapi3.Schema) { form(pattern)(s); s.MaxLength = new(uint64(commands.MaxName)) }
}

func from1To(most float64) func(*openapi3.Schema) {
	return func(s *openapi3.Schema) { s.Min, s.Max = new(1.0), new(most) }
}

func reasonForm() string {
	var codes []string
	for _, code := range domain.ReasonCodes() {
		if code != domain.ReasonOther {
			codes = append(codes, string(code))
		}
	}
	const ticket = "[A-Za-z0-9._#/-]{1,64}"
	return "(" + strings.Join(codes, "|") + ")(:" + ticket + ")?|" + string(domain.ReasonOther) + ":" + ticket
}

// format sets the format of a member of a request body.
func (s *schemas) format(member *openapi3.SchemaRef, name string) {
	set := formats[name]
	if set == nil || member.Value == nil {
		s.faultf("the format %q does not exist, or is that of an object", name)
		return
	}
	if items := member.Value.Items; items != nil && items.Value != nil {
		member = items
	}
	set(member.Value)
}

// exampleOf returns an example of a request body: the members with the tag example.
func exampleOf(body reflect.Type) json.RawMessage {
	var members []string
	for _, field := range reflect.VisibleFields(body) {
		example, ok := field.Tag.Lookup("example")
		if !ok {
			continue
		}
		if field.Type.Kind() == reflect.String || !json.Valid([]byte(example)) {
			example = strconv.Quote(example)
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		members = append(members, strconv.Quote(name)+":"+example)
	}
	return json.RawMessage("{" + strings.Join(members, ",") + "}")
}

// zones are the names in the IANA database. The document includes them so that clients can check a name
// before they send it. The service also accepts newer names.
//
//go:embed zones.txt
var zones string

// zonePattern returns the pattern of the zones, with each area once.
func zonePattern() string {
	names := map[string][]string{}
	for zone := range strings.FieldsSeq(zones) {
		area, name, ok := strings.Cut(zone, "/")
		if !ok {
			area, name = "", zone
		}
		names[area] = append(names[area], regexp.QuoteMeta(name))
	}
	var areas []string
	for _, area := range slices.Sorted(maps.Keys(names)) {
		choice := "(" + strings.Join(names[area], "|") + ")"
		if area != "" {
			choice = area + "/" + choice
		}
		areas = append(areas, choice)
	}
	return "^(" + strings.Join(areas, "|") + ")$"
}

// anyText limits a string as PostgreSQL and the program do.
func anyText(s *openapi3.Schema) { s.Pattern, s.MaxLength = "^[^\\x00]*$", new(uint64(api.MaxText)) }

func platformNumbers(s *openapi3.Schema) {
	s.Enum = []any{"all", "0"}
	for _, p := range domain.Platforms() {
		s.Enum = append(s.Enum, strconv.Itoa(int(p)))
	}
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
var longKinds = map[reflect.Type]struct{ name, text string }{
	reflect.TypeFor[api.Zone]():   {"TimeZone", "Time zone: a name in the IANA database. Names newer than these are accepted too."},
	reflect.TypeFor[api.Time]():   {"Time", "A day (YYYY-MM-DD), an instant (RFC 3339), or Unix seconds or milliseconds."},
	reflect.TypeFor[api.Moment](): {"Moment", "A version of a history (v12, or a number below 100,000,000) or a time."},
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

// parameter returns the description of a parameter.
func (s *schemas) parameter(declared api.Parameter) (*openapi3.ParameterRef, error) {
	text := sentence(s.declared(declared.Struct).fields[declared.Field])
	if text == "" {
		return nil, fmt.Errorf("parameter %q has no comment", declared.Name)
	}
	schema := &openapi3.Schema{Type: &openapi3.Types{"string"}}
	form := kinds[declared.Type]
	if form != nil && (declared.Words == nil || declared.Type != reflect.TypeFor[string]()) {
		form(schema)
	}
	for _, word := range declared.Words {
		schema.Enum = append(schema.Enum, word)
		if word == declared.Default {
			schema.Default = word
		}
	}
	p := &openapi3.Parameter{
		Name: declared.Name, In: declared.In, Required: declared.Required, Description: text, Schema: openapi3.NewSchemaRef("", schema),
	}
	if declared.Example != "" {
		p.Example = declared.Example
	}
	if number, err := strconv.Atoi(declared.Example); err == nil && schema.Type.Is("integer") {
		p.Example = number
	}
	if declared.Default != "" && declared.In == openapi3.ParameterInQuery {
		p.Description += " Default: " + declared.Default + "."
	}
	if long, is := longKinds[declared.Type]; is {
		p.Schema = openapi3.NewSchemaRef("#/components/schemas/"+long.name, nil)
	}
	return &openapi3.ParameterRef{Value: p}, nil
}
