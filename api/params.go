package api

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/stream"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Params reads the declared parameters of a request, first from the path and then from the query. A
// method that finds an invalid parameter records it and returns a harmless value, so that
// [Params.Err] lists all invalid parameters at once. Methods depend only on the request, its caller
// and the time.
type Params struct {
	get    func(name string) (value string, present bool)
	now    time.Time
	caller Principal
	bad    domain.FieldErrors

	takes   []Param  // what the route declares
	asked   []Param  // the parameters that were read
	ignored []string // query parameters without an effect

	zone *time.Location
}

// readBy returns the parameters that a parser reads, in the order in which it reads them. A parser
// reads the same parameters for every request.
func readBy[Q any](parse func(*Params) Q) (takes []Param) {
	p := &Params{get: func(string) (string, bool) { return "", false }}
	parse(p)
	for _, declared := range p.asked {
		if !slices.ContainsFunc(takes, declared.same) {
			takes = append(takes, declared)
		}
	}
	slices.SortStableFunc(takes, func(a, b Param) int { return cmp.Compare(positions[a.Kind], positions[b.Kind]) })
	return takes
}

// positions sorts parameters of these kinds after all others.
var positions = map[Kind]int{KindZone: 1, KindAccounts: 2}

// requestParams reads the parameters of a request that its route declares. It refuses what a
// lenient parser would silently drop: a query that cannot be decoded, a repeated parameter, and one
// that contradicts the path. It ignores the query parameters in ignored.
func requestParams(r *http.Request, now time.Time, op Operation, ignored []string) *Params {
	query, err := url.ParseQuery(r.URL.RawQuery)
	caller, _ := PrincipalFrom(r.Context())
	p := &Params{now: now, takes: op.takes, caller: caller}
	p.get = func(name string) (string, bool) {
		inQuery := query.Get(name)
		value, inPath := pathParam(r, name)
		switch first := !slices.ContainsFunc(p.asked, Param{Name: name}.same); {
		case !first:
		case inPath && value == "":
			p.bad.Addf(name, "is empty in the path: set it, or use a path without it")
		case len(query[name]) > 1:
			p.bad.Addf(name, "is in the query %d times: send it once", len(query[name]))
		case inPath && inQuery != "" && inQuery != value:
			p.bad.Addf(name, "has different values in the path and in the query: remove it from the query")
		}
		if inPath {
			return value, true
		}
		return inQuery, query.Has(name)
	}
	if err != nil {
		p.bad.Addf("query", "is malformed (%s): escape %%, &, ; and + in values", clip(err.Error()))
	}
	p.checkUnknown(query, op.Pattern, ignored)
	return p
}

// Err returns a 400 that lists every invalid parameter, or nil.
func (p *Params) Err() error { return p.bad.Err() }

func (p *Params) declares(declared Param) bool { return slices.ContainsFunc(p.takes, declared.same) }

// value returns a parameter. An empty query parameter (?tz=) is treated as absent.
func (p *Params) value(declared Param) (string, bool) {
	value, _ := p.get(declared.Name)
	p.asked = append(p.asked, declared)
	return value, value != ""
}

// Platforms reads `pId`: the number of a platform. "0", "all" and an absent parameter mean all
// platforms.
func (p *Params) Platforms() []domain.Platform {
	value, present := p.value(paramPlatform)
	if !present || value == "0" || strings.EqualFold(value, "all") {
		return domain.Platforms()
	}
	number, ok := plainNumber(value)
	if platform := domain.Platform(number); ok && platform.Valid() {
		return []domain.Platform{platform}
	}
	p.bad.Addf(paramPlatform.Name, "is not a platform: use one of %s, or 0 or all for all platforms", domain.PlatformNumbers())
	return domain.Platforms()
}

// Category reads `cId`: the number of a category. It returns 0 for all categories ("0", "all",
// absent).
func (p *Params) Category() int64 {
	value, present := p.value(paramCategory)
	if !present || strings.EqualFold(value, "all") {
		return 0
	}
	number, ok := plainNumber(value)
	if !ok {
		p.bad.Addf(paramCategory.Name, "is not a category: use its number, or 0 or all for all categories")
	}
	return number
}

// ID reads the required id of a member or social account: a positive integer.
func (p *Params) ID(declared Param) int64 {
	value, _ := p.value(declared)
	number, ok := plainNumber(value)
	if !ok || number == 0 {
		p.bad.Addf(declared.Name, "is not an id: use a positive integer")
	}
	return number
}

func (p *Params) optionalID(declared Param) int64 {
	if _, present := p.value(declared); !present {
		return 0
	}
	return p.ID(declared)
}

// Accounts reads optional accounts, separated by commas: each 24 hex digits or a row id.
func (p *Params) Accounts(declared Param) (accounts []readmodels.AccountRef) {
	text, present := p.value(declared)
	if !present {
		return nil
	}
	values := strings.Split(text, ",")
	if len(values) > maxAccounts {
		p.bad.Addf(declared.Name, "has %d accounts: send at most %d", len(values), maxAccounts)
		return nil
	}
	for _, value := range values {
		if account := p.accountRef(declared, value); !slices.Contains(accounts, account) {
			accounts = append(accounts, account)
		}
	}
	return accounts
}

func (p *Params) accountRef(declared Param, value string) readmodels.AccountRef {
	if id, ok := domain.HexID(value); ok {
		return readmodels.AccountRef{ID: id}
	}
	if number, ok := plainNumber(value); ok && number > 0 {
		return readmodels.AccountRef{RowID: number}
	}
	p.bad.Addf(declared.Name, "is not an account: use its id (24 hex digits) or its row id (a positive integer)")
	return readmodels.AccountRef{}
}

// Page reads `limit` and `cursor`.
func (p *Params) Page() readmodels.Page {
	return readmodels.Page{Cursor: p.cursor(paramCursor), Limit: p.limit()}
}

func (p *Params) cursor(declared Param) string {
	cursor, _ := p.value(declared)
	printable := strings.IndexFunc(cursor, func(c rune) bool { return c <= ' ' || c > '~' }) < 0
	if len(cursor) > MaxCursor || !printable {
		p.bad.Addf(paramCursor.Name, "is not a cursor: use next_cursor of the previous page")
		return ""
	}
	return cursor
}

func (p *Params) limit() int {
	value, present := p.value(paramLimit)
	if !present {
		return readmodels.DefaultPageLimit
	}
	limit, ok := plainNumber(value)
	if !ok || limit < 1 || limit > MaxPageLimit {
		p.bad.Addf(paramLimit.Name, "is not a page size: use 1 to %d", MaxPageLimit)
	}
	return int(limit)
}

// checkUnknown checks the query parameters that the route does not declare, except those in
// ignored, which the main application's frontends add everywhere. Paths under /api/ refuse unknown
// parameters: ignoring a filter would return plausible figures of something else. The analytics
// ignore and list them, because old frontends send some. Streams ignore them, because their clients
// add parameters of their own, but refuse another spelling of a declared one: without its cursor, a
// stream would start at the newest event.
func (p *Params) checkUnknown(given url.Values, pattern string, ignored []string) {
	spelling := func(name string) string { return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name)) }
	for _, name := range slices.Sorted(maps.Keys(given)) {
		declared := slices.ContainsFunc(p.takes, func(d Param) bool { return d.Name == name && !d.Header })
		like := slices.IndexFunc(p.takes, func(d Param) bool { return !d.Header && spelling(d.Name) == spelling(name) })
		switch {
		case declared, slices.Contains(ignored, name), isStream(pattern) && (like < 0 || stream.IsCursor(name)):
		case isStream(pattern):
			p.bad.Addf(clip(name), "is an unknown parameter; did you mean %s?", p.takes[like].Name)
		case strings.HasPrefix(pattern, "/api/"):
			p.bad.Addf(clip(name), "is an unknown parameter: remove it; /openapi.json lists the parameters of this path")
		case slices.Contains(rangeNames, name):
			start, end := paramStartTime.Name, paramEndTime.Name
			if p.declares(paramFromDate) {
				start, end = paramFromDate.Name, paramToDate.Name
			}
			place := "in the query"
			if strings.Contains(pattern, "{"+end+"}") {
				place = "in the path"
			}
			p.bad.Addf(name, "is an unknown parameter: set the range with %s and %s %s", start, end, place)
		default:
			p.ignored = append(p.ignored, clip(name))
		}
	}
}
