package api

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/stream"
)

// Parameter is a member of an input that is read from the path, the query or a header. These are its
// tags; the comment of the field describes it in the API document:
//
//	param:"name"      a path parameter if the pattern contains {name}, else a query parameter
//	header:"Name"     a header
//	required:"true"   for a query parameter; path parameters are always required
//	default:"words"   what an absent parameter means
//	words:"a b"       the allowed values
//	wrong:"is not …"  the error for other values; %s stands for the allowed ones
//	example:"value"
//
// The member with the tag body is the body of the request; its value "optional" says that it may be
// absent, and "open" that unknown members are ignored, except other spellings of absent ones.
//
// A struct without a tag is a part of the input.
type Parameter struct {
	Name     string
	In       string // path, query or header
	Required bool
	Default  string
	Words    []string
	Example  string
	Type     reflect.Type // of the member: the format of the parameter
	Struct   reflect.Type // that declares the member
	Field    string       // the name of the member

	wrong string
	index []int
}

// Places of parameters.
const (
	InPath   = "path"
	InQuery  = "query"
	InHeader = "header"
)

// parametersOf returns the parameters of an input: those in the path in their order there, then the
// others as they are declared.
func parametersOf(input reflect.Type, pattern string) []Parameter {
	all := membersOf(input, nil)
	place := func(p Parameter) int {
		if at := strings.Index(pattern, "{"+p.Name+"}"); at >= 0 && p.In != InHeader {
			return at
		}
		return len(pattern)
	}
	for i, p := range all {
		if place(p) < len(pattern) {
			all[i].In, all[i].Required = InPath, true
		}
	}
	slices.SortStableFunc(all, func(a, b Parameter) int { return place(a) - place(b) })
	return all
}

func membersOf(t reflect.Type, above []int) (all []Parameter) {
	for field := range t.Fields() {
		tag, index := field.Tag, append(slices.Clip(above), field.Index...)
		p := Parameter{
			In: InQuery, Required: tag.Get("required") == "true", Default: tag.Get("default"),
			Example: tag.Get("example"), Type: field.Type, Struct: t, Field: field.Name, wrong: tag.Get("wrong"), index: index,
		}
		if p.Words = wordsOf[field.Type]; tag.Get("words") != "" {
			p.Words = strings.Fields(tag.Get("words"))
		}
		switch name, isHeader := tag.Lookup("header"); {
		case isHeader:
			p.Name, p.In = name, InHeader
		case tag.Get("param") != "":
			p.Name = tag.Get("param")
		case field.Type.Kind() == reflect.Struct && tag == "" && (field.Anonymous || field.IsExported()):
			all = append(all, membersOf(field.Type, index)...)
			continue
		default:
			continue
		}
		all = append(all, p)
	}
	return all
}

// decoder fills the input of an operation from a request. It collects all errors: it refuses what a
// lenient parser would silently drop, such as a query that cannot be decoded, a repeated parameter,
// and one that contradicts the path.
type decoder struct {
	r       *http.Request
	now     time.Time
	bad     domain.FieldErrors
	ignored []string // query parameters without an effect
	known   error    // the error, if it is the only one
}

// value is a member of an input with a format of its own.
type value interface {
	// decode sets the value, or returns what is wrong with the text. An absent parameter is "".
	decode(text string) (wrong string)
}

// checked is an input, or a part of one, with rules for several members. It may set members that have
// no tag.
type checked interface{ check(d *decoder) }

// decode returns the input of an operation, or an error that lists everything that is wrong with it.
func (s *Server) decode(w http.ResponseWriter, r *http.Request, op Operation) (any, error) {
	d := &decoder{r: r, now: s.deps.Now()}
	input := reflect.New(op.Input)
	var query url.Values
	if op.Pattern != patternDashboard { // whose query the old system ignores
		var err error
		if query, err = url.ParseQuery(r.URL.RawQuery); err != nil {
			d.bad.Addf("query", "is malformed (%s): escape %%, &, ; and + in values", clip(err.Error()))
		}
		d.checkUnknown(query, op, s.deps.Config.IgnoreParams)
	}
	if op.Method == http.MethodPut {
		d.checkConditions(op)
	}
	for _, p := range op.Parameters {
		if p.Type == reflect.TypeFor[Opaque]() {
			continue
		}
		d.set(p, d.text(p, query), input.Elem().FieldByIndex(p.index))
	}
	if op.Body != nil {
		if err := d.body(w, op, input.Elem().FieldByIndex(op.bodyIndex)); err != nil {
			return nil, cmp.Or(d.bad.Err(), err)
		}
	}
	return d.checked(input)
}

// checkConditions refuses a condition of a change that the operation does not check: the change would be made
// without it.
func (d *decoder) checkConditions(op Operation) {
	for _, name := range []string{headerIfMatch, headerIfNoneMatch} {
		known := slices.ContainsFunc(op.Parameters, func(p Parameter) bool { return p.Name == name })
		if !known && len(d.r.Header.Values(name)) > 0 {
			d.bad.Addf(name, "is not checked here: omit it")
		}
	}
}

// input returns the input of an operation that is called in this process, see [Server.Call].
func (s *Server) input(op Operation, given url.Values, change func(input any)) (any, error) {
	// HTTP/1.1, because an error ends a file in this process: see [Export.check].
	d := &decoder{r: &http.Request{ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}}, now: s.deps.Now()}
	input := reflect.New(op.Input)
	for _, p := range op.Parameters {
		text := given.Get(p.Name)
		if p.In == InPath && text == "" {
			d.bad.Addf(p.Name, "is missing")
		}
		d.set(p, text, input.Elem().FieldByIndex(p.index))
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.ContainsFunc(op.Parameters, func(p Parameter) bool { return p.Name == name }) {
			d.bad.Addf(name, "is an unknown parameter")
		}
	}
	change(input.Interface())
	return d.checked(input)
}

// checked returns the input after the checks of several members, or an error that lists everything
// that is wrong with it.
func (d *decoder) checked(input reflect.Value) (any, error) {
	d.check(input.Elem(), false)
	if d.known != nil && d.bad.Count == 1 {
		return nil, d.known
	}
	return input.Interface(), d.bad.Err()
}

// check applies the rules for several members to the parts of an input, then to the whole. The method
// of an embedded part is one of the struct around it.
func (d *decoder) check(v reflect.Value, embedded bool) {
	for i := range v.NumField() {
		if part := v.Field(i); part.Kind() == reflect.Struct && part.CanSet() {
			d.check(part, v.Type().Field(i).Anonymous)
		}
	}
	if input, ok := reflect.TypeAssert[checked](v.Addr()); ok && !embedded {
		input.check(d)
	}
}

// lineBreak separates the lines of a header, and is the text of an empty one.
const lineBreak = "\n"

// text returns a parameter; "" if it is absent or, unlike a header, empty.
func (d *decoder) text(p Parameter, query url.Values) string {
	inQuery := query.Get(p.Name)
	switch p.In {
	case InHeader:
		values := slices.Compact(slices.Clone(d.r.Header.Values(p.Name))) // a proxy may send the same line twice
		text := strings.Join(values, lineBreak)
		if values != nil && text == "" {
			return lineBreak // it is there
		}
		return text
	case InPath:
		inPath := pathParam(d.r, p.Name)
		switch {
		case inPath == "":
			d.bad.Addf(p.Name, "is empty in the path: set it, or use a path without it")
		case len(query[p.Name]) > 1:
			break
		case inQuery != "" && inQuery != inPath:
			d.bad.Addf(p.Name, "has different values in the path and in the query: remove it from the query")
		}
		inQuery = inPath
	}
	if len(query[p.Name]) > 1 {
		d.bad.Addf(p.Name, "is in the query %d times: send it once", len(query[p.Name]))
	}
	return inQuery
}

func (d *decoder) set(p Parameter, text string, member reflect.Value) {
	if text == "" && p.Required && p.Words == nil {
		d.bad.Addf(p.Name, "is missing")
	}
	target, special := reflect.TypeAssert[value](member.Addr())
	switch {
	case special:
		if wrong := target.decode(text); wrong != "" {
			d.bad.Addf(p.Name, "%s", cmp.Or(p.wrong, wrong))
		}
	case p.Words != nil && (text != "" || p.Required) && !slices.Contains(p.Words, text):
		wrong := cmp.Or(p.wrong, "is not one of %s")
		d.bad.Addf(p.Name, "%s", strings.Replace(wrong, "%s", strings.Join(p.Words, ", "), 1))
	case p.Words == nil && !isText(text):
		d.bad.Addf(p.Name, "must be text of at most %d characters", MaxText)
	case member.Kind() == reflect.String:
		member.SetString(text)
	case member.Kind() == reflect.Bool:
		member.SetBool(text == "true")
	case text != "": // an optional bool
		member.Set(reflect.ValueOf(new(text == "true")))
	}
}

// rangeNames look like the ends of a range. The analytics use other names; ignoring one of these would
// return figures of different days.
var rangeNames = []string{"start", "end", "from", "to"}

// checkUnknown checks the query parameters that an operation does not declare, except those in
// ignored, which the main application's frontends add everywhere. Paths under /api/ refuse unknown
// parameters: ignoring a filter would return plausible figures of something else. The analytics
// ignore and list them, because old frontends send some. Streams ignore them, because their clients
// add parameters of their own, but refuse another spelling of a declared one: without its cursor, a
// stream would start at the newest event.
func (d *decoder) checkUnknown(given url.Values, op Operation, ignored []string) {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		switch {
		case op.declares(name), slices.Contains(ignored, name):
		case isStream(op.Pattern):
			like := slices.IndexFunc(op.Parameters, func(p Parameter) bool { return p.In != InHeader && spelling(p.Name) == spelling(name) })
			if like >= 0 && !stream.IsCursor(name) {
				d.bad.Addf(clip(name), "is an unknown parameter; did you mean %s?", op.Parameters[like].Name)
			}
		case strings.HasPrefix(op.Pattern, "/api/"):
			d.bad.Addf(clip(name), "is an unknown parameter: remove it; /openapi.json lists the parameters of this path")
		case slices.Contains(rangeNames, name):
			start, end, place := "startTime", "endTime", "in the query"
			if op.declares("fromDate") {
				start, end = "fromDate", "toDate"
			}
			if strings.Contains(op.Pattern, "{"+end+"}") {
				place = "in the path"
			}
			d.bad.Addf(name, "is an unknown parameter: set the range with %s and %s %s", start, end, place)
		default:
			d.ignored = append(d.ignored, clip(name))
		}
	}
}

var separators = strings.NewReplacer("_", "", "-", "")

// spelling returns what is equal in all spellings of a name.
func spelling(name string) string { return strings.ToLower(separators.Replace(name)) }

// refuse keeps an error with a message of its own: it is the whole error unless others are found.
func (d *decoder) refuse(err error, name, wrong string) {
	if known, ok := errors.AsType[*domain.Error](err); ok && d.bad.Count == 0 {
		d.known = known.WithField(name, wrong)
	}
	d.bad.Addf(name, "%s", wrong)
}

// declares reports whether an operation has a path or query parameter.
func (o Operation) declares(name string) bool {
	return slices.ContainsFunc(o.Parameters, func(p Parameter) bool { return p.Name == name && p.In != InHeader })
}

// mustDeclare panics if the pattern has a parameter that the input lacks, which is a defect.
func (o Operation) mustDeclare() {
	for segment := range strings.SplitSeq(o.Pattern, "/") {
		if name, isParameter := strings.CutPrefix(segment, "{"); isParameter && !o.declares(strings.TrimSuffix(name, "}")) {
			panic(fmt.Sprintf("%s: the input %s has no %s", o.Pattern, o.Input, name))
		}
	}
}
