package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"

	"github.com/ledgerboard/ledgerboard/readmodels"
)

// FigurePositions says where the read models of the figures stand; readmodels.Positions implements it.
type FigurePositions interface {
	// Position returns a text that changes whenever a table moves that figures are read from.
	Position(ctx context.Context) (string, error)
}

// programVersion changes with the program, whose queries may answer otherwise from the same tables. A
// binary that does not say from what it was built has a version of its own at each start.
var programVersion = sync.OnceValue(func() string {
	revision, modified := "", "true"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			switch setting.Key {
			case "vcs.revision":
				revision = setting.Value
			case "vcs.modified":
				modified = setting.Value
			}
		}
	}
	if revision == "" || modified == "true" {
		return rand.Text()
	}
	return revision
})

// figuresTag is the entity tag of an answer, made before the query is run: of the program, the route, the
// parameters, whose figures the caller may see, and where the tables stand. The position is read before
// the query: should the tables move in between, the answer is newer than its tag, and the next request
// fetches it once more; the other way round it would be taken for fresh.
func (s *Server) figuresTag(r *http.Request, params *Params, scope readmodels.Scope, asCSV bool) (string, error) {
	if s.deps.Positions == nil {
		return "", nil
	}
	position, err := s.deps.Positions.Position(r.Context())
	if err != nil {
		return "", fmt.Errorf("read position: %w", err)
	}
	sum := sha256.New()
	hashed(sum, programVersion(), strings.TrimPrefix(routePattern(r), "/auth"), position, strconv.FormatBool(asCSV))
	hashed(sum, params.read...)
	// A range without ends is made of the present day: the same request is another question tomorrow.
	hashed(sum, params.window.From.String(), params.window.To.String())
	hashed(sum, scope.ParentAccount, strconv.FormatBool(scope.Accounts == nil))
	hashed(sum, scope.Accounts...)
	return hex.EncodeToString(sum.Sum(nil)[:16]), nil
}

// hashed adds texts, each with its length, so that no two lists are one text.
func hashed(sum hash.Hash, texts ...string) {
	io.WriteString(sum, strconv.Itoa(len(texts))) //nolint:errcheck // never fails
	for _, text := range texts {
		fmt.Fprintf(sum, ":%d:%s", len(text), text)
	}
}

// known tells whether the caller has the answer with this tag, in whatever coding it was sent.
func known(r *http.Request, tag string) bool {
	if tag == "" {
		return false
	}
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

// cacheable lets the caller's own cache keep an answer that it asks for again with its tag.
func cacheable(w http.ResponseWriter, tag string) {
	if tag == "" {
		return
	}
	header := w.Header()
	header.Set(headerETag, `"`+tag+`"`)
	header.Set("Cache-Control", "private, no-cache")
	header.Add("Vary", "Accept")
	header.Add("Vary", "Authorization")
}

func notModified(w http.ResponseWriter, tag string) error {
	cacheable(w, tag)
	w.WriteHeader(http.StatusNotModified)
	return nil
}
