package api

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

// entityTags is the content of If-Match or If-None-Match. A proxy that compresses an answer rewrites
// its tag: nginx makes it weak, others append the coding. Our tags name a version or a digest of the
// uncompressed body, so both readers ignore what a proxy changed.
type entityTags struct {
	any  bool     // "*"
	tags []string // opaque tags, without weakness and quotes
}

var (
	// tagList matches a list of entity tags, which may have empty elements and, if a proxy merged
	// lines, any white space.
	tagList = regexp.MustCompile(`^[\s,]*(?i:W/)?"[^"]*"(\s*,[\s,]*(?i:W/)?"[^"]*")*[\s,]*$`)
	oneTag  = regexp.MustCompile(`"([^"]*)"`)
)

// tagsIn reads the lines of a header; ok is false if they are malformed.
func tagsIn(lines []string) (tags *entityTags, ok bool) {
	text := strings.Join(lines, ",")
	if strings.Trim(text, " \t,") == "*" {
		return &entityTags{any: true}, true
	}
	if !tagList.MatchString(text) {
		return nil, false
	}
	tags = &entityTags{}
	for _, tag := range oneTag.FindAllStringSubmatch(text, -1) {
		tags.tags = append(tags.tags, tag[1])
	}
	return tags, true
}

// Suffixes of the entity tags of compressed responses: a strong tag identifies bytes.
const (
	suffixGzip = "-gzip"
	suffixZstd = "-zstd"
)

// codingSuffix matches what we and proxies (Apache, Caddy, Jetty) append to the tag of a compressed
// response.
var codingSuffix = regexp.MustCompile(`--?(gzip|zstd|br|deflate)$`)

// find returns the first tag that names the same as ours, as the caller sent it.
func (e *entityTags) find(ours string) (sent string, ok bool) {
	for _, tag := range e.tags {
		if codingSuffix.ReplaceAllString(tag, "") == ours {
			return tag, true
		}
	}
	return "", false
}

// matchTag reports whether If-None-Match contains the tag, and returns the tag that matched: a cache
// may apply a 304 only to the body with exactly that tag.
func matchTag(r *http.Request, tag string) (matched string, ok bool) {
	tags, ok := tagsIn(r.Header.Values(headerIfNoneMatch))
	if !ok {
		return tag, false
	}
	if sent, ok := tags.find(tag); ok {
		return sent, true
	}
	return tag, tags.any
}

// versions returns what the tags of If-Match name. A tag that names no version is well-formed and
// matches nothing. RFC 9110 §13.1.1 compares strongly, for tags of bytes; a version is not one.
func (e *entityTags) versions() *domain.VersionMatch {
	match := &domain.VersionMatch{Any: e.any}
	for _, tag := range e.tags {
		tag = codingSuffix.ReplaceAllString(tag, "")
		if version, err := strconv.ParseInt(tag, 10, 64); err == nil && etag(version) == `"`+tag+`"` {
			match.Versions = append(match.Versions, version)
		}
	}
	return match
}

func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }
