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

// ifPreview reads If-Preview; "" without one.
func ifPreview(header http.Header) (string, error) {
	values := header.Values(headerIfPreview)
	if len(values) == 0 {
		return "", nil
	}
	if len(values) > 1 || !previewForm.MatchString(values[0]) {
		return "", domain.InvalidField(headerIfPreview, "must be given once and be what a preview answered as preview: 64 hex digits")
	}
	return values[0], nil
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
