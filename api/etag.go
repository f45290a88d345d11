package api

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
)

// writeTagged answers with a body under its entity tag, or 304 when the caller has that body already. The
// other headers of the answer are set before.
func writeTagged(w http.ResponseWriter, r *http.Request, body []byte) {
	header := w.Header()
	tag := tagOf(header, body)
	header.Set(headerETag, `"`+tag+`"`)
	header.Set("Cache-Control", "private, no-cache")
	header.Add("Vary", "Accept")
	header.Add("Vary", "Authorization")
	if known(r, tag) {
		for _, name := range []string{"Content-Type", headerDisposition, headerLink} {
			header.Del(name) // they are of a body
		}
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(body) // a caller that went away is no failure of ours
}

// tagOf is the entity tag of an answer: of its bytes before they are compressed, and of the headers that
// belong to them.
func tagOf(header http.Header, body []byte) string {
	sum := sha256.New()
	for _, name := range []string{"Content-Type", headerLink} {
		sum.Write([]byte(header.Get(name) + "\n"))
	}
	sum.Write(body)
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// known tells whether the caller has the answer with this tag, in whatever coding it was sent.
func known(r *http.Request, tag string) bool {
	for _, value := range r.Header.Values(headerIfNoneMatch) {
		for candidate := range strings.SplitSeq(value, ",") {
			candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
			if candidate == "*" || uncoded(strings.Trim(candidate, `"`)) == tag {
				return true
			}
		}
	}
	return false
}

// The entity tag of a compressed answer is that of the plain one with a suffix: a strong tag names bytes.
const (
	suffixGzip = "-gzip"
	suffixZstd = "-zstd"
)

// uncoded is a tag without the suffix of a compression.
func uncoded(tag string) string {
	return strings.TrimSuffix(strings.TrimSuffix(tag, suffixGzip), suffixZstd)
}
