package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ledgerboard/ledgerboard/domain"
)

// MaxBody is the limit of a request's body in bytes.
const MaxBody = 1 << 20

// readObject reads a body that is one JSON object and returns its members undecoded, so that each
// can be checked for itself, absent told from null, and unknown ones ignored. [Server.endpoint] bounds the body.
func readObject(r *http.Request) (map[string]json.RawMessage, error) {
	if err := checkContentType(r.Header); err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, unreadable(err, "The body could not be read to its end. Send it again.")
	}
	return parseObject(raw)
}

// unreadable is the error for a body that cannot be read; too large a one says so itself.
func unreadable(err error, why string) error {
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return err
	}
	return domain.NewError(domain.CodeInvalid, "%s", why)
}

// What readBody says of members, by their names.
const (
	unknownMember   = "is not known here: leave it out"
	malformedMember = "must be %s; leave it out to keep the present value"
)

// readBody reads what a body has of the fields of B, by their names in JSON; body is what they are else. What B does
// not have is refused with the text unknown, because it would change nothing; what does not fit, with the text
// malformed, in which %s is the form of the field. Both are in bad.
func readBody[B any](r *http.Request, body B, unknown, malformed string) (_ B, bad domain.FieldErrors, err error) {
	members, err := readObject(r)
	if err != nil {
		return body, bad, err
	}
	fields := map[string]any{}
	for field, value := range reflect.ValueOf(&body).Elem().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		fields[name] = value.Addr().Interface()
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		switch field, known := fields[name]; {
		case !known:
			bad.Addf(clip(name), "%s", unknown)
		case json.Unmarshal(wholeNumbers(members[name]), field) != nil:
			form := "a number"
			switch field.(type) {
			case *string:
				form = "a text"
			case *bool:
				form = "true or false"
			}
			bad.Addf(name, "%s", strings.Replace(malformed, "%s", form, 1))
		}
	}
	return body, bad, nil
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

// parseObject is strict where leniency would hide a mistake: invalid UTF-8, a member given twice and
// anything after the object are errors. It is lenient about members that it does not know.
func parseObject(raw []byte) (map[string]json.RawMessage, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, domain.NewError(domain.CodeInvalid, "The body is empty. Send a JSON object.")
	}
	if !utf8.Valid(raw) {
		return nil, domain.NewError(domain.CodeInvalid, "The body is not valid UTF-8. Send it in UTF-8.")
	}
	// Unmarshal, unlike a Decoder, checks the whole text at once and gives the offset of the fault.
	var whole json.RawMessage
	if err := json.Unmarshal(raw, &whole); err != nil {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			return nil, malformed(raw, syntax.Offset, syntax.Error())
		}
		return nil, malformed(raw, 0, err.Error())
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if token, _ := decoder.Token(); token != json.Delim('{') {
		return nil, domain.NewError(domain.CodeInvalid, "The body must be a JSON object, like {\"users\":[]}.")
	}
	members := map[string]json.RawMessage{}
	for decoder.More() {
		token, err := decoder.Token()
		name, ok := token.(string)
		var value json.RawMessage
		if err != nil || !ok || decoder.Decode(&value) != nil {
			return nil, malformed(raw, decoder.InputOffset(), "invalid JSON")
		}
		if _, twice := members[name]; twice {
			return nil, domain.InvalidField(clip(name), "stands in the body twice; send it once")
		}
		members[name] = value
	}
	return members, nil
}

// malformed names the place of a syntax error as an editor shows it: line and column from 1.
func malformed(raw []byte, offset int64, reason string) error {
	before := raw[:min(max(offset-1, 0), int64(len(raw)))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	return domain.NewError(domain.CodeInvalid,
		"The body is not valid JSON: line %d, column %d: %s.", line, column, reason)
}

// clip keeps a caller's own text short where an error quotes it.
func clip(text string) string {
	const limit = 64
	text = strings.ToValidUTF8(text, "�")
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	return text
}

var previewForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// entityTags is a list of entity tags; empty elements of a list count for nothing.
var (
	entityTags = regexp.MustCompile(`^[ \t,]*(W/)?"[^"]*"(\s*,[ \t,]*(W/)?"[^"]*")*[\s,]*$`)
	entityTag  = regexp.MustCompile(`(W/)?"([^"]*)"`)
)

var keyForm = regexp.MustCompile(`^[ -~]{1,255}$`)

// ifPreview reads If-Preview; "" without one.
func ifPreview(header http.Header) (string, error) {
	return once(header, headerIfPreview, previewForm, "be what a preview answered as preview: 64 hex digits")
}

// idempotencyKey reads the key of a request that may be repeated; "" without one.
func idempotencyKey(header http.Header) (string, error) {
	return once(header, headerIdempotency, keyForm, "have 1 to 255 printable ASCII characters")
}

// once reads a header that is given once and has a form; "" without one.
func once(header http.Header, name string, form *regexp.Regexp, must string) (string, error) {
	values := header.Values(name)
	if len(values) > 1 || len(values) == 1 && !form.MatchString(values[0]) {
		return "", domain.InvalidField(name, "must be given once and "+must)
	}
	return strings.Join(values, ""), nil
}

// ifMatch reads If-Match; nil without one.
func ifMatch(header http.Header) (*domain.VersionMatch, error) {
	values := header.Values(headerIfMatch)
	if len(values) == 0 {
		return nil, nil
	}
	return parseIfMatch(strings.Join(values, ","))
}

// parseIfMatch parses "*", or a list of entity tags. A weak tag, or one that we never gave, is
// well-formed and matches nothing, as RFC 9110 §13.1.1 has it.
func parseIfMatch(text string) (*domain.VersionMatch, error) {
	match := &domain.VersionMatch{Any: strings.TrimSpace(text) == "*"}
	if !match.Any && !entityTags.MatchString(strings.TrimSpace(text)) {
		return nil, domain.InvalidField(headerIfMatch, `must be * or entity tags as ETag gives them, like "7"`)
	}
	for _, tag := range entityTag.FindAllStringSubmatch(text, -1) {
		version, err := strconv.ParseInt(tag[2], 10, 64)
		if err == nil && tag[1] == "" && etag(version) == tag[0] {
			match.Versions = append(match.Versions, version)
		}
	}
	return match, nil
}
