package api

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

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
