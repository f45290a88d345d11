package api

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	_ "time/tzdata" // ?tz= must work where the system has no zone files

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// Limits of paged lists.
const (
	DefaultPageLimit = readmodels.DefaultPageLimit
	MaxPageLimit     = 500
	maxCursor        = 10_000 // platforms' ids of posts are part of some, and of ids of activities
)

// Params reads the parameters of an analytics request, from the path first and then from the query.
// Its methods never fail one by one: they return a harmless value and note what is wrong, so that
// [Params.Err] names every bad parameter at once. They look at nothing but their input and the
// time given to [NewParams].
type Params struct {
	get func(name string) (value string, present bool)
	now time.Time
	bad fieldErrors

	given url.Values // the query; nil when it is not known
	asked []string   // names that were read
	noted *[]param   // set while the API document is made

	narrowBy string // see narrowing
	zone     *time.Location
	rangeSet bool
	window   analytics.Range
}

// NewParams reads parameters through get; now is the end of a range that names none.
func NewParams(get func(name string) (string, bool), now time.Time) *Params {
	return &Params{get: get, now: now}
}

// requestParams reads those of a request. What a lenient parser would drop without a word is refused: a
// query that cannot be decoded, a parameter given twice, one that contradicts the path.
func requestParams(r *http.Request, now time.Time) *Params {
	query, err := url.ParseQuery(r.URL.RawQuery)
	p := NewParams(nil, now)
	p.given = query
	p.get = func(name string) (string, bool) {
		inQuery := query.Get(name)
		value, inPath := pathParam(r, name)
		switch first := !slices.Contains(p.asked, name); {
		case !first:
		case inPath && value == "":
			p.bad.addf(name, "is empty in the path: give it, or use an address without it")
		case len(query[name]) > 1:
			p.bad.addf(name, "stands in the query %d times: give it once", len(query[name]))
		case inPath && inQuery != "" && inQuery != value:
			p.bad.addf(name, "stands in the path, and as something else in the query: leave it out of the query")
		}
		if inPath {
			return value, true
		}
		return inQuery, query.Has(name)
	}
	if err != nil {
		p.bad.addf("query", "is not well-formed (%s): escape %%, &, ; and + in values", clip(err.Error()))
	}
	return p
}

// refuseUnread notes the parameters of the query that are known elsewhere and do nothing here: a filter that
// is ignored gives right-looking figures of something else. Names that nobody knows do no harm; frontends add
// some against caches.
func (p *Params) refuseUnread(known map[string]bool) {
	for _, name := range slices.Sorted(maps.Keys(p.given)) {
		if known[name] && !slices.Contains(p.asked, name) {
			p.bad.addf(name, "is no parameter of this address: leave it out, or see /openapi.json for what takes it")
		}
	}
}

// Err returns a 400 that names every bad parameter, or nil.
func (p *Params) Err() error { return p.bad.err() }

// value returns a parameter; an empty one in the query (?tz=) is absent.
func (p *Params) value(name string) (string, bool) {
	p.note(name, "", schema{Type: typeString})
	value, _ := p.get(name)
	p.asked = append(p.asked, name)
	return value, value != ""
}

// Platforms reads `pId`: one of 1, 3, 4, 6; "0", "all" and absent mean all four.
func (p *Params) Platforms(name string) []domain.Platform {
	p.note(name, "Platform: 1 Facebook, 3 Instagram, 4 LinkedIn, 6 TikTok; 0 or all (also when absent) for all four.",
		schema{Type: typeString, Enum: []any{"all", "0", "1", "3", "4", "6"}})
	value, present := p.value(name)
	if !present || value == "0" || strings.EqualFold(value, "all") {
		return domain.Platforms()
	}
	number, ok := plainNumber(value)
	if platform := domain.Platform(number); ok && platform.Valid() {
		return []domain.Platform{platform}
	}
	p.bad.addf(name, "is not a platform: use 1 (Facebook), 3 (Instagram), 4 (LinkedIn), 6 (TikTok), or 0 or all for all of them")
	return domain.Platforms()
}

// Category reads `cId`: a category's number, or 0 for all of them ("0", "all", absent).
func (p *Params) Category(name string) int64 {
	p.note(name, "Category of posts: its number; 0 or all (also when absent) for all of them.", schema{Type: typeString, Pattern: `^([0-9]+|all)$`})
	value, present := p.value(name)
	if !present || strings.EqualFold(value, "all") {
		return 0
	}
	number, ok := plainNumber(value)
	if !ok {
		p.bad.addf(name, "is not a category: use its number, or 0 or all for all of them")
	}
	return number
}

// ID reads a required id of a member or social account: a positive integer.
func (p *Params) ID(name string) int64 {
	about := "Connected profile or page, by the main application's id: a positive integer."
	if name == "memberId" {
		about = "Member, by the main application's id: a positive integer."
	}
	p.note(name, about, schema{Type: typeInteger, Format: "int64", Minimum: new(1)})
	value, _ := p.value(name)
	number, ok := plainNumber(value)
	if !ok || number == 0 {
		p.bad.addf(name, "is not an id: use a positive integer")
	}
	return number
}

// Account reads an optional account: 24 hex digits or a row id.
func (p *Params) Account(name string) readmodels.AccountRef {
	about := "Narrows to one account, by its id (24 hex digits) or its row id (a positive integer). Absent: all that the caller may see."
	if name == "accountId" {
		about = "The account, by its id (24 hex digits) or its row id (a positive integer)."
	}
	p.note(name, about,
		schema{Type: typeString, Pattern: "^([0-9a-fA-F]{24}|[1-9][0-9]*)$"})
	value, present := p.value(name)
	if !present {
		return readmodels.AccountRef{}
	}
	if id, ok := domain.HexID(value); ok {
		return readmodels.AccountRef{ID: id}
	}
	if number, ok := plainNumber(value); ok && number > 0 {
		return readmodels.AccountRef{RowID: number}
	}
	p.bad.addf(name, "is not an account: use its id (24 hex digits) or its row id (a positive integer)")
	return readmodels.AccountRef{}
}

// RequiredAccount reads an account that the path must name.
func (p *Params) RequiredAccount(name string) readmodels.AccountRef {
	defer p.noteRequired(name)
	if _, present := p.value(name); !present {
		p.bad.addf(name, "is missing: give an account's id (24 hex digits) or its row id")
	}
	return p.Account(name)
}

// Page reads `limit` and `cursor`.
func (p *Params) Page() readmodels.Page {
	p.note("cursor", "Goes on after a page: its meta.next_cursor. All else but limit must be as it was for that page: a cursor of another "+
		"question or viewer is a 400. Absent: the first page.", schema{Type: typeString})
	page := readmodels.Page{Limit: p.Limit()}
	cursor, _ := p.value("cursor")
	printable := strings.IndexFunc(cursor, func(c rune) bool { return c <= ' ' || c > '~' }) < 0
	if len(cursor) > maxCursor || !printable {
		p.bad.addf("cursor", "is not a cursor: use next_cursor of the page before")
		return page
	}
	page.Cursor = cursor
	return page
}

// Limit reads `limit`: entries of a page, 1 to [MaxPageLimit].
func (p *Params) Limit() int {
	p.note("limit", "Entries of a page, or of each ranking: 1 to 500.", schema{Type: typeInteger, Minimum: new(1), Maximum: new(MaxPageLimit), Default: DefaultPageLimit})
	value, present := p.value("limit")
	if !present {
		return DefaultPageLimit
	}
	limit, ok := plainNumber(value)
	if !ok || limit < 1 || limit > MaxPageLimit {
		p.bad.addf("limit", "is not a page size: use 1 to %d", MaxPageLimit)
		return DefaultPageLimit
	}
	return int(limit)
}

// plainNumber reads a decimal without sign, spaces or leading zeros: one spelling per number.
func plainNumber(text string) (int64, bool) {
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil || number < 0 || strconv.FormatInt(number, 10) != text {
		return 0, false
	}
	return number, true
}

func unescapePath(text string) (string, error) { return url.PathUnescape(text) }
