package api

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
)

// writeTagged answers with a body under its entity tag, or 304 when the caller has that body already. The
// other headers of the answer are set before.
func writeTagged(w http.ResponseWriter, r *http.Request, body []byte) {
	header := w.Header()
	tag := tagOf(header, body)
	had, current := known(r, tag)
	header.Set(headerETag, `"`+had+`"`)
	header.Set("Cache-Control", "private, no-cache")
	header.Add("Vary", "Accept")
	header.Add("Vary", "Authorization")
	if current {
		for _, name := range []string{"Content-Type", headerDisposition, headerLink} {
			header.Del(name) // they are of a body
		}
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(body) // a caller that has gone away is not our failure
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

// known tells whether the caller has the answer with this tag, in whatever coding it was sent, and under which
// tag: a cache may take a 304 for news of that body alone.
func known(r *http.Request, tag string) (had string, ok bool) {
	for _, value := range r.Header.Values(headerIfNoneMatch) {
		for candidate := range strings.SplitSeq(value, ",") {
			candidate = strings.Trim(strings.TrimPrefix(strings.TrimSpace(candidate), "W/"), `"`)
			switch {
			case candidate == "*":
				return tag, true
			case strings.TrimSuffix(strings.TrimSuffix(candidate, suffixGzip), suffixZstd) == tag:
				return candidate, true
			}
		}
	}
	return tag, false
}

// The entity tag of a compressed answer is that of the plain one with a suffix: a strong tag names bytes.
const (
	suffixGzip = "-gzip"
	suffixZstd = "-zstd"
)

// etag is the entity tag of a dashboard: its version.
func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }
