package api

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // for ?tz= on systems without zone files
	"unicode"
	"unicode/utf8"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// The formats of parameters. Members of the types string, bool and *bool are texts, or words of a list.

type (
	// HexID is an id of 24 hex digits; in lower case after decoding.
	HexID string
	// RowID is a positive integer.
	RowID int64
	// Account is a hex id or a row id.
	Account readmodels.AccountRef
	// Accounts are hex ids and row ids, separated by commas.
	Accounts []readmodels.AccountRef
	// ActivityID is <connected account>:<the platform's id of the post>.
	ActivityID string
	// Platforms is the number of a platform; all platforms for 0, all, and if it is absent.
	Platforms []domain.Platform
	// CategoryID is the number of a category; 0 for 0, all, and if it is absent.
	CategoryID int64
	// Person is a user's id, part of a name, or a system name of the program.
	Person string
	// Changes are types of events on dashboards.
	Changes []string
	// Time is a day, an instant, or Unix seconds or milliseconds; see [decoder.instant].
	Time string
	// Moment is a version or a time; see [decoder.moment].
	Moment string
	// Version is a version of a history.
	Version int64
	// Limit is the size of a page.
	Limit int
	// Cursor is where the next page begins.
	Cursor string
	// DeadLetter is <projection>-<partition>-<offset>.
	DeadLetter string
	// Opaque is any text; who needs it reads it from the request.
	Opaque string
	// PlatformName is the name of a platform; the operation knows the names.
	PlatformName string
	// EntityKind is a kind of entity, as in the type directory.<kind>.v1.
	EntityKind string
	// StreamPath is the path of a stream that accepts tickets.
	StreamPath string
	// IdempotencyKey is 1 to 255 printable ASCII characters.
	IdempotencyKey string
	// Preview is the digest of a preview, 64 hex digits.
	Preview string
)

// Match is a list of entity tags, or *.
type Match struct{ versions *domain.VersionMatch } // nil if it is absent

// Zone is a time zone, by its IANA name. The zero value is UTC.
type Zone struct{ location *time.Location } //nolint:recvcheck // only decoding changes it

// wordsOf contains the allowed values of types.
var wordsOf = map[reflect.Type][]string{
	reflect.TypeFor[bool]():                    {"true", "false"},
	reflect.TypeFor[*bool]():                   {"true", "false"},
	reflect.TypeFor[analytics.Granularity]():   {string(analytics.ByDay), string(analytics.ByWeek), string(analytics.ByMonth)},
	reflect.TypeFor[analytics.RankBy]():        {string(analytics.RankByGained), string(analytics.RankByTotal)},
	reflect.TypeFor[analytics.Compare]():       {string(analytics.ComparePrevious), string(analytics.CompareYear), string(analytics.CompareNone)},
	reflect.TypeFor[analytics.ActivityState](): texts(analytics.ActivityStates()),
	reflect.TypeFor[domain.PageStatus]():       texts(domain.PageStatuses()),
	reflect.TypeFor[PlatformName]():            domain.PlatformNames(),
	reflect.TypeFor[StreamPath]():              {patternNotices, patternLive},
	reflect.TypeFor[EntityKind](): {
		domain.KindAccount, domain.KindUser, domain.KindOrder, domain.KindSession, domain.KindMember, domain.KindConnection,
		domain.KindDefaultAccount, domain.KindSocialAccount, domain.KindPlannedPost, domain.KindSubscription, domain.KindCategory,
	},
}

func texts[S ~string](words []S) []string {
	out := make([]string, len(words))
	for i, word := range words {
		out[i] = string(word)
	}
	return out
}

// Limits of parameters.
const (
	MaxText      = 200 // characters of a text
	MaxPageLimit = 500
	MaxCursor    = 10_000 // bytes; some cursors, and the ids of activities, contain a platform's post id
	maxAccounts  = 100
	maxActor     = 255 // bytes of an actor, as in the log
)

func isText(text string) bool { return utf8.RuneCountInString(text) <= MaxText && storable(text) }

// storable reports whether PostgreSQL can store a string.
func storable(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

// plainNumber parses a decimal without sign, spaces or leading zeros, so that each number has one
// form.
func plainNumber(text string) (int64, bool) {
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil || number < 0 || strconv.FormatInt(number, 10) != text {
		return 0, false
	}
	return number, true
}

func (h *HexID) decode(text string) string {
	id, ok := domain.HexID(text)
	if text != "" && !ok {
		return "is not an id: use 24 hex digits"
	}
	*h = HexID(id)
	return ""
}

func (r *RowID) decode(text string) string {
	number, ok := plainNumber(text)
	if text != "" && (!ok || number == 0) {
		return "is not an id: use a positive integer"
	}
	*r = RowID(number)
	return ""
}

func (a *Account) decode(text string) string {
	if id, ok := domain.HexID(text); ok {
		a.ID = id
		return ""
	}
	number, ok := plainNumber(text)
	if a.RowID = number; !ok || number == 0 {
		return "is not an account: use its id (24 hex digits) or its row id (a positive integer)"
	}
	return ""
}

func (a *Accounts) decode(text string) string {
	if text == "" {
		return ""
	}
	values := strings.Split(text, ",")
	if len(values) > maxAccounts {
		return fmt.Sprintf("has %d accounts: send at most %d", len(values), maxAccounts)
	}
	for _, value := range values {
		var account Account
		if wrong := account.decode(value); wrong != "" {
			return wrong
		}
		if ref := readmodels.AccountRef(account); !slices.Contains(*a, ref) {
			*a = append(*a, ref)
		}
	}
	return ""
}

func (a *ActivityID) decode(text string) string {
	if _, _, ok := domain.SplitPostID(text); !ok || len(text) > MaxCursor || !storable(text) {
		return "is not an activity id: use <connected account>:<the platform's id of the post>"
	}
	*a = ActivityID(text)
	return ""
}

func (p *Platforms) decode(text string) string {
	*p = domain.Platforms()
	if text == "" || text == "0" || strings.EqualFold(text, "all") {
		return ""
	}
	number, ok := plainNumber(text)
	platform := domain.Platform(number)
	if !ok || !platform.Valid() {
		return "is not a platform: use one of " + domain.PlatformNumbers() + ", or 0 or all for all platforms"
	}
	*p = Platforms{platform}
	return ""
}

func (c *CategoryID) decode(text string) string {
	if text == "" || strings.EqualFold(text, "all") {
		return ""
	}
	number, ok := plainNumber(text)
	if !ok {
		return "is not a category: use its number, or 0 or all for all categories"
	}
	*c = CategoryID(number)
	return ""
}

func (p *Person) decode(text string) string {
	if id, ok := domain.HexID(text); ok {
		text = id
	}
	if len(text) > maxActor || !storable(text) || strings.IndexFunc(text, unicode.IsControl) >= 0 {
		return "is not a person: use a user's id (24 hex digits) or part of a name"
	}
	*p = Person(text)
	return ""
}

// decode reads full names, or short names without "dashboard." or "operator." and the version, which
// match all versions, separated by commas.
func (c *Changes) decode(text string) string {
	if text == "" {
		return ""
	}
	short, known := map[string]bool{}, map[string][]string{} // known: types by short name and by full name
	for _, full := range domain.NewRegistry().Types() {
		if group, rest, _ := strings.Cut(full, "."); group == "dashboard" || group == "operator" {
			name, _, _ := strings.Cut(rest, ".")
			short[name], known[name], known[full] = true, append(known[name], full), []string{full}
		}
	}
	for name := range strings.SplitSeq(text, ",") {
		name = strings.TrimSpace(name)
		if known[name] == nil {
			return fmt.Sprintf("has %q, which is not a type of change: use %s", clip(name), strings.Join(slices.Sorted(maps.Keys(short)), ", "))
		}
		*c = append(*c, known[name]...)
	}
	slices.Sort(*c)
	*c = slices.Compact(*c)
	return ""
}

// decode keeps the text: what it means depends on the time zone.
func (t *Time) decode(text string) string {
	*t = Time(text)
	return ""
}

// decode keeps the text: what it means depends on the time zone.
func (m *Moment) decode(text string) string {
	*m = Moment(text)
	return ""
}

func (v *Version) decode(text string) string {
	number, ok := plainNumber(strings.TrimPrefix(text, "v"))
	if text != "" && (!ok || number < 1) {
		return "is not a version: use a positive integer"
	}
	*v = Version(number)
	return ""
}

func (l *Limit) decode(text string) string {
	number, ok := plainNumber(text)
	if *l = Limit(number); text == "" {
		*l = readmodels.DefaultPageLimit
	} else if !ok || number < 1 || number > MaxPageLimit {
		return fmt.Sprintf("is not a page size: use 1 to %d", MaxPageLimit)
	}
	return ""
}

func (c *Cursor) decode(text string) string {
	printable := strings.IndexFunc(text, func(c rune) bool { return c <= ' ' || c > '~' }) < 0
	if len(text) > MaxCursor || !printable {
		return "is not a cursor: use next_cursor of the previous page"
	}
	*c = Cursor(text)
	return ""
}

// DeadLetterForm is the pattern of the ids of dead letters. The ids are also the cursors of the list.
const DeadLetterForm = "[a-z0-9_]+-[0-9]{1,9}-[0-9]{1,18}"

var deadLetterForm = regexp.MustCompile("^" + DeadLetterForm + "$")

func (d *DeadLetter) decode(text string) string {
	if !deadLetterForm.MatchString(text) {
		return "is not the id of a dead letter: use <projection>-<partition>-<offset>, from the list"
	}
	*d = DeadLetter(text)
	return ""
}

func (m *Match) decode(text string) string {
	if text == "" {
		return ""
	}
	tags, ok := tagsIn(strings.Split(text, lineBreak))
	if !ok {
		return `must be * or entity tags from ETag, such as "7"`
	}
	m.versions = tags.versions()
	return ""
}

var (
	keyForm     = regexp.MustCompile(`^[ -~]{1,255}$`)
	previewForm = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

func (i *IdempotencyKey) decode(text string) string {
	if *i = IdempotencyKey(text); text != "" && !keyForm.MatchString(text) {
		return "must have 1 to 255 printable ASCII characters, and must not have several values"
	}
	return ""
}

func (p *Preview) decode(text string) string {
	if *p = Preview(text); text != "" && !previewForm.MatchString(text) {
		return "must be the value of preview from a preview: 64 hex digits, and must not have several values"
	}
	return ""
}

func (p *PlatformName) decode(text string) string {
	if *p = PlatformName(text); !isText(text) {
		return fmt.Sprintf("must be text of at most %d characters", MaxText)
	}
	return ""
}

func (z *Zone) decode(text string) string {
	if text == "" {
		return ""
	}
	location, err := domain.LoadTimeZone(text)
	if err != nil {
		return err.Error()
	}
	z.location = location
	return ""
}

// Location returns the zone.
func (z Zone) Location() *time.Location {
	if z.location == nil {
		return time.UTC
	}
	return z.location
}
