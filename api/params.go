package api

import (
	"cmp"
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
)

// Params reads the declared parameters of a request, from the path first and then from the query.
// Its methods never fail one by one: they return a harmless value and note what is wrong, so that
// [Params.Err] names every bad parameter at once. They look at nothing but the request, its caller and the time.
type Params struct {
	get    func(name string) (value string, present bool)
	now    time.Time
	caller Principal
	bad    domain.FieldErrors

	takes   []Param  // what the route declares
	asked   []Param  // what was read
	ignored []string // names in the query that have no effect

	zone *time.Location
}

// readBy is what a parser reads, which it does whatever the request says: in the order of its reading.
func readBy[Q any](parse func(*Params) Q) (takes []Param) {
	p := &Params{get: func(string) (string, bool) { return "", false }}
	parse(p)
	for _, declared := range p.asked {
		if !slices.ContainsFunc(takes, declared.same) {
			takes = append(takes, declared)
		}
	}
	slices.SortStableFunc(takes, func(a, b Param) int { return cmp.Compare(stands[a.Kind], stands[b.Kind]) })
	return takes
}

// stands is which parameters stand behind the others, wherever they are read.
var stands = map[Kind]int{KindZone: 1, KindAccounts: 2}

// requestParams reads those of a request that its route declares. What a lenient parser would drop without a word
// is refused: a query that cannot be decoded, a parameter given twice, one that contradicts the path. The names in own are
// ignored.
func requestParams(r *http.Request, now time.Time, of Operation, own []string) *Params {
	query, err := url.ParseQuery(r.URL.RawQuery)
	caller, _ := PrincipalFrom(r.Context())
	p := &Params{now: now, takes: of.Takes, caller: caller}
	p.get = func(name string) (string, bool) {
		inQuery := query.Get(name)
		value, inPath := pathParam(r, name)
		switch first := !slices.ContainsFunc(p.asked, Param{Name: name}.same); {
		case !first:
		case inPath && value == "":
			p.bad.Addf(name, "is empty in the path: give it, or use an address without it")
		case len(query[name]) > 1:
			p.bad.Addf(name, "stands in the query %d times: give it once", len(query[name]))
		case inPath && inQuery != "" && inQuery != value:
			p.bad.Addf(name, "stands in the path, and as something else in the query: leave it out of the query")
		}
		if inPath {
			return value, true
		}
		return inQuery, query.Has(name)
	}
	if err != nil {
		p.bad.Addf("query", "is not well-formed (%s): escape %%, &, ; and + in values", clip(err.Error()))
	}
	p.judgeUnknown(query, of.Pattern, own)
	return p
}

// Err returns a 400 that names every bad parameter, or nil.
func (p *Params) Err() error { return p.bad.Err() }

func (p *Params) declares(declared Param) bool { return slices.ContainsFunc(p.takes, declared.same) }

// value returns a parameter; an empty one in the query (?tz=) is absent.
func (p *Params) value(declared Param) (string, bool) {
	value, _ := p.get(declared.Name)
	p.asked = append(p.asked, declared)
	return value, value != ""
}

// Platforms reads `pId`: the number of a platform; "0", "all" and absent mean all four.
func (p *Params) Platforms() []domain.Platform {
	value, present := p.value(paramPlatform)
	if !present || value == "0" || strings.EqualFold(value, "all") {
		return domain.Platforms()
	}
	number, ok := plainNumber(value)
	if platform := domain.Platform(number); ok && platform.Valid() {
		return []domain.Platform{platform}
	}
	p.bad.Addf(paramPlatform.Name, "is not a platform: use one of %s; 0 or all for all of them", domain.PlatformNumbers())
	return domain.Platforms()
}

// Category reads `cId`: a category's number, or 0 for all of them ("0", "all", absent).
func (p *Params) Category() int64 {
	value, present := p.value(paramCategory)
	if !present || strings.EqualFold(value, "all") {
		return 0
	}
	number, ok := plainNumber(value)
	if !ok {
		p.bad.Addf(paramCategory.Name, "is not a category: use its number, or 0 or all for all of them")
	}
	return number
}

// ID reads a required id of a member or social account: a positive integer.
func (p *Params) ID(declared Param) int64 {
	value, _ := p.value(declared)
	number, ok := plainNumber(value)
	if !ok || number == 0 {
		p.bad.Addf(declared.Name, "is not an id: use a positive integer")
	}
	return number
}

// optionalID reads an id of a member or social account; 0 when it is absent.
func (p *Params) optionalID(declared Param) int64 {
	if _, present := p.value(declared); !present {
		return 0
	}
	return p.ID(declared)
}

// plainNumber reads a decimal without sign, spaces or leading zeros: one spelling per number.
func plainNumber(text string) (int64, bool) {
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil || number < 0 || strconv.FormatInt(number, 10) != text {
		return 0, false
	}
	return number, true
}

// maxAccounts is how many accounts ?account= takes.
const maxAccounts = 100

// Accounts reads optional accounts, separated by commas: each 24 hex digits or a row id.
func (p *Params) Accounts(declared Param) (accounts []readmodels.AccountRef) {
	text, present := p.value(declared)
	if !present {
		return nil
	}
	values := strings.Split(text, ",")
	if len(values) > maxAccounts {
		p.bad.Addf(declared.Name, "names %d accounts: give at most %d", len(values), maxAccounts)
		return nil
	}
	for _, value := range values {
		if account := p.accountRef(declared, value); !slices.Contains(accounts, account) {
			accounts = append(accounts, account)
		}
	}
	return accounts
}

// RequiredAccount reads an account that the path must name.
func (p *Params) RequiredAccount(declared Param) readmodels.AccountRef {
	value, present := p.value(declared)
	if !present {
		p.bad.Addf(declared.Name, "is missing: give an account's id (24 hex digits) or its row id")
		return readmodels.AccountRef{}
	}
	return p.accountRef(declared, value)
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

// Limits of paged lists.
const (
	DefaultPageLimit = readmodels.DefaultPageLimit
	MaxPageLimit     = 500
	MaxCursor        = 10_000 // platforms' ids of posts are part of some, and of ids of activities
)

// Page reads `limit` and `cursor`.
func (p *Params) Page() readmodels.Page {
	return readmodels.Page{Cursor: p.cursor(paramCursor), Limit: p.Limit()}
}

func (p *Params) cursor(declared Param) string {
	cursor, _ := p.value(declared)
	printable := strings.IndexFunc(cursor, func(c rune) bool { return c <= ' ' || c > '~' }) < 0
	if len(cursor) > MaxCursor || !printable {
		p.bad.Addf(paramCursor.Name, "is not a cursor: use next_cursor of the page before")
		return ""
	}
	return cursor
}

// Limit reads `limit`: entries of a page, 1 to [MaxPageLimit].
func (p *Params) Limit() int {
	value, present := p.value(paramLimit)
	if !present {
		return DefaultPageLimit
	}
	limit, ok := plainNumber(value)
	if !ok || limit < 1 || limit > MaxPageLimit {
		p.bad.Addf(paramLimit.Name, "is not a page size: use 1 to %d", MaxPageLimit)
		return DefaultPageLimit
	}
	return int(limit)
}

// rangeNames look like the ends of a range. The 22 endpoints name theirs otherwise: one that is ignored gives figures of
// other days.
var rangeNames = []string{"start", "end", "from", "to"}

// judgeUnknown notes the names in the query that the route does not declare, but for those that the main application's frontends add
// everywhere (own). The newer reads refuse them: a filter that is ignored gives right-looking figures of something else. The analytics
// ignore them, because old frontends add some, and list them. Streams say nothing: their clients add names of their protocol.
func (p *Params) judgeUnknown(given url.Values, pattern string, own []string) {
	if isStream(pattern) {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		declared := slices.ContainsFunc(p.takes, func(d Param) bool { return d.Name == name && !d.Header })
		switch {
		case declared, slices.Contains(own, name):
		case strings.HasPrefix(pattern, "/api/"):
			p.bad.Addf(clip(name), "is not a parameter of this address: leave it out, or see /openapi.json for what it takes")
		case slices.Contains(rangeNames, name):
			start, end := paramStartTime.Name, paramEndTime.Name
			if p.declares(paramFromDate) {
				start, end = paramFromDate.Name, paramToDate.Name
			}
			where := "in the query"
			if strings.Contains(pattern, "{"+end+"}") {
				where = "in the path"
			}
			p.bad.Addf(name, "is not a parameter: give the range as %s and %s, %s", start, end, where)
		default:
			p.ignored = append(p.ignored, clip(name))
		}
	}
}
