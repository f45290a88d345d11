package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ledgerboard/ledgerboard/domain"
)

// MaxBody is the maximum size of a request body in bytes.
const MaxBody = 1 << 20

// readObject reads a body that is a JSON object and returns its raw members, so that callers can
// check each member, distinguish absent from null, and ignore unknown members. [decoder.body]
// limits the size of the body.
func readObject(r *http.Request) (map[string]json.RawMessage, error) {
	if err := checkContentType(r.Header); err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, unreadable(err, "The body could not be read completely. Send it again.")
	}
	return parseObject(raw)
}

// unreadable returns the error for a body that cannot be read: err if the body is too large, else
// an error with the message.
func unreadable(err error, message string) error {
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return err
	}
	return domain.NewError(domain.CodeInvalid, "%s", message)
}

// body decodes the body of a request. A type of bodies may read the request, or the raw members,
// itself. Others are structs, whose fields have the names of members: absent ones set nothing, and
// null is absent for a pointer. Unknown members, which would have no effect, are errors unless the
// body is open: then only another spelling of a member that is absent is one.
func (d *decoder) body(w http.ResponseWriter, op Operation, body reflect.Value) error {
	if whole, ok := reflect.TypeAssert[interface{ read(*http.Request) error }](body.Addr()); ok {
		return whole.read(d.r)
	}
	if op.BodyOptional && d.r.ContentLength == 0 {
		return nil
	}
	d.r.Body = http.MaxBytesReader(w, d.r.Body, MaxBody)
	members, err := readObject(d.r)
	if err != nil {
		return err
	}
	if whole, ok := reflect.TypeAssert[interface {
		decodeMembers(map[string]json.RawMessage, *domain.FieldErrors)
	}](body.Addr()); ok {
		whole.decodeMembers(members, &d.bad)
		return nil
	}
	d.members(members, op.BodyOpen, body)
	return nil
}

// members decodes the members of a body.
func (d *decoder) members(members map[string]json.RawMessage, open bool, body reflect.Value) {
	fields := map[string]reflect.Value{}
	for _, field := range reflect.VisibleFields(body.Type()) {
		if field.Anonymous || !field.IsExported() {
			continue
		}
		value := body.FieldByIndex(field.Index)
		if field.Tag.Get("default") == "true" {
			value.SetBool(true)
		}
		fields[memberName(field)] = value
	}
	absent := map[string]string{} // by their spelling
	for name := range fields {
		if members[name] == nil {
			absent[spelling(name)] = name
		}
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		switch field, known := fields[name]; {
		case known:
			d.member(name, members[name], field)
		case absent[spelling(name)] != "":
			d.bad.Addf(clip(name), "is an unknown member; did you mean %s?", absent[spelling(name)])
		case !open: // if open, an old frontend that sends a whole document may have others
			d.bad.Addf(clip(name), "is an unknown member: remove it")
		}
	}
}

// memberName returns the name of a field in JSON.
func memberName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return name
}

// member decodes a member of a body. Of a list of strings, each element that is no string is an error.
func (d *decoder) member(name string, raw json.RawMessage, field reflect.Value) {
	form := field.Type()
	if form.Kind() == reflect.Pointer {
		form = form.Elem()
	}
	isList := form == reflect.TypeFor[[]string]()
	var elements []*json.RawMessage
	if isList && json.Unmarshal(raw, &elements) == nil {
		d.strings(name, elements, field)
		return
	}
	if json.Unmarshal(wholeNumbers(raw), field.Addr().Interface()) == nil {
		return
	}
	text := "a number"
	switch form.Kind() { //nolint:exhaustive // the others are numbers
	case reflect.String:
		text = "a string"
	case reflect.Bool:
		text = "true or false"
	case reflect.Slice:
		text = "a list of numbers"
	}
	if isList {
		text = "a list of strings"
	}
	d.bad.Addf(name, "must be %s", text)
}

func (d *decoder) strings(name string, elements []*json.RawMessage, field reflect.Value) {
	if elements == nil { // null
		return
	}
	values := make([]string, len(elements))
	for i, element := range elements {
		if element == nil || json.Unmarshal(*element, &values[i]) != nil {
			d.bad.Addf(fmt.Sprintf("%s[%d]", name, i), "must be a string")
		}
	}
	if field.Kind() == reflect.Pointer {
		field.Set(reflect.ValueOf(&values))
	} else {
		field.Set(reflect.ValueOf(values))
	}
}

var wholeFraction = regexp.MustCompile(`([0-9])\.0+([],\s]|$)`)

// wholeNumbers removes zero fractions from a number or a list of numbers: some languages write the
// integer 2 as 2.0.
func wholeNumbers(raw json.RawMessage) json.RawMessage {
	if bytes.IndexByte(raw, '"') >= 0 {
		return raw
	}
	return wholeFraction.ReplaceAll(raw, []byte("$1$2"))
}

func checkContentType(header http.Header) error {
	mediaType, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	isJSON := mediaType == "application/json" ||
		strings.HasPrefix(mediaType, "application/") && strings.HasSuffix(mediaType, "+json")
	charset := params["charset"]
	if err != nil || !isJSON || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return domain.NewError(codeUnsupportedMediaType, "The body must be JSON in UTF-8. Send it with Content-Type: application/json.")
	}
	if encoding := header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return domain.NewError(codeUnsupportedMediaType, "The body must not be compressed. Send it without Content-Encoding.")
	}
	return nil
}

// parseObject is strict where leniency would hide a mistake: invalid UTF-8, a repeated member and
// anything after the object are errors. Unknown members are allowed.
func parseObject(raw []byte) (map[string]json.RawMessage, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, domain.NewError(domain.CodeInvalid, "The body is empty. Send a JSON object.")
	}
	if !utf8.Valid(raw) {
		return nil, domain.NewError(domain.CodeInvalid, "The body is not valid UTF-8. Send it in UTF-8.")
	}
	// Unmarshal, unlike a Decoder, checks the whole text and returns the offset of the error.
	var whole json.RawMessage
	err := json.Unmarshal(raw, &whole)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return nil, malformed(raw, syntax.Offset, syntax.Error())
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if token, _ := decoder.Token(); token != json.Delim('{') {
		return nil, domain.NewError(domain.CodeInvalid, "The body must be a JSON object, such as {\"users\":[]}.")
	}
	members := map[string]json.RawMessage{}
	for decoder.More() {
		token, _ := decoder.Token()
		name, _ := token.(string)
		if _, twice := members[name]; twice {
			return nil, domain.InvalidField(clip(name), "is in the body twice; send it once")
		}
		var value json.RawMessage
		_ = decoder.Decode(&value) // the text is valid
		members[name] = value
	}
	return members, nil
}

// malformed returns an error with the line and column of a syntax error, both starting at 1 as in
// an editor.
func malformed(raw []byte, offset int64, reason string) error {
	before := raw[:min(max(offset-1, 0), int64(len(raw)))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	return domain.NewError(domain.CodeInvalid,
		"The body is not valid JSON: line %d, column %d: %s.", line, column, reason)
}

// clip shortens a caller's text for quoting in an error.
func clip(text string) string {
	const limit = 64
	text = strings.ToValidUTF8(text, "�")
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	return text
}
