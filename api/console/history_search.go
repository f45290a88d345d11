package console

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

type search struct {
	actor, user, dashboard string // ids, or parts of names; "": all
	named                  string // part of any name; "": all
	action                 string
	since                  string
}

// searchWord matches one word or quoted phrase of a search. A value with spaces is quoted.
var searchWord = regexp.MustCompile(`"([^"]*)"|([A-Za-z]+):(?:"([^"]*)"|(\S+))|(\S+)`)

// parseSearch parses a search. Words without a key and quoted phrases are part of a name, and so is
// a word with an unknown key, as hint says. Fault describes a syntax error; it is "" if the search
// is valid.
func parseSearch(text string) (s search, hint, fault string) {
	keys := map[string]*string{
		"actor": &s.actor, "user": &s.user, "dashboard": &s.dashboard, "action": &s.action, "since": &s.since,
	}
	if strings.Count(text, `"`)%2 != 0 {
		return s, "", "A quotation mark is not closed. Add the closing quotation mark, or remove the opening one."
	}
	var words []string
	for _, found := range searchWord.FindAllStringSubmatch(text, -1) {
		phrase, key, value := found[1], strings.ToLower(found[2]), found[3]+found[4]
		bare, endsWithColon := strings.CutSuffix(strings.ToLower(found[5]), ":")
		switch {
		case phrase != "":
			words = append(words, phrase)
		case found[0] == `""`, endsWithColon && (bare == "" || keys[bare] != nil):
			return s, "", fmt.Sprintf("“%s” is not a valid search. "+
				"Enter part of a name, or a value directly after a key and its colon.", found[0])
		case key == "":
			words = append(words, found[5])
		case keys[key] == nil:
			hint = fmt.Sprintf("“%s:” is not a key, so it is searched as part of a name. "+
				"The keys are actor:, user:, dashboard:, action: and since:.", found[2])
			words = append(words, strings.ReplaceAll(found[0], `"`, ""))
		case value == "":
			return s, "", fmt.Sprintf("Enter a value after %s:.", key)
		case *keys[key] != "":
			return s, "", fmt.Sprintf("Enter %s: only once.", key)
		default:
			*keys[key] = value
		}
	}
	s.named = strings.Join(words, " ")
	s.action = strings.ReplaceAll(strings.ToLower(s.action), " ", "_")
	switch s.action { // types that the pages name differently from the API
	case "people_on_the_list_changed":
		s.action = "users_changed"
	case "board_created":
		s.action = "opened"
	}
	return s, hint, ""
}

var searchWords = map[string]fieldWords{
	"from":  {"q", "Enter a day like since:2026-10-01 that is before the selected day."},
	"type":  {"q", "Enter a type of change as shown in the table, like action:\"accounts linked\"."},
	"actor": {"q", "Enter a name or an id after actor:."},
	"user":  {"q", "Enter a name or an id after user:."},
	"q":     {"q", "This text is too long for a name. Enter a shorter part of the name."},
}

const noBoard = "The agency has no board for this client. Check the name or the id."

// namesToList is the number of names that a message lists.
const namesToList = 20

// resolve replaces the name of a dashboard with its id. Fault explains why this is not possible; it
// is "" on success.
func (s *search) resolve(v *visit) (fault string, err error) {
	if _, isID := domain.HexID(s.dashboard); isID || s.dashboard == "" {
		return "", nil
	}
	list, err := listAll(v, api.GetDashboards, url.Values{"q": {s.dashboard}})
	if err != nil {
		return "", err
	}
	var names, exact []string
	for _, d := range list {
		names = append(names, foreign(d.SubAccountName, d.SubAccountID))
		if len(list) == 1 || strings.EqualFold(norm.NFC.String(string(d.SubAccountName)), norm.NFC.String(s.dashboard)) {
			exact = append(exact, d.SubAccountID)
		}
	}
	switch {
	case len(exact) == 1:
		s.dashboard = exact[0]
		return "", nil
	case len(exact) > 1:
		return fmt.Sprintf("Several clients are named “%s”. Enter the id of one of them: %s.",
			foreign(s.dashboard), strings.Join(exact, ", ")), nil
	case names == nil:
		return fmt.Sprintf("No client of the agency matches “%s”.", foreign(s.dashboard)), nil
	}
	shown := strings.Join(names[:min(len(names), namesToList)], ", ")
	if more := len(names) - namesToList; more > 0 {
		shown += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("Several clients match “%s”: %s. Enter the whole name in quotes.", foreign(s.dashboard), shown), nil
}

// cuts reports whether the search may filter out some boards of a change. Filters by actor, type
// and time cannot, because all boards of a change share them.
func (s *search) cuts(actor *string) bool {
	byActor := actor != nil && strings.Contains(strings.ToLower(*actor), strings.ToLower(s.named))
	return s.dashboard+s.user != "" || s.named != "" && !byActor
}

// read reads the history of a dashboard, or of the agency.
func (s *search) read(v *visit, asked url.Values) (api.Result[[]history.HistoryEntry, history.EntriesMeta], error) {
	if s.dashboard != "" {
		return ask(v, api.GetDashboardHistory, asked)
	}
	return ask(v, api.GetAuditHistory, asked)
}

// query returns the parameters without the end of the range.
func (s *search) query() url.Values {
	return parameters(map[string]string{
		"sub_account_id": s.dashboard, "actor": s.actor, "user": s.user, "type": s.action, "from": s.since, "q": s.named,
	})
}

// typedForms are the accepted formats of an instant, with the duration that each covers. Without an
// offset, the instant is in UTC.
var typedForms = []struct {
	layout string
	lasts  time.Duration
}{
	{time.RFC3339Nano, 0},
	{"2006-01-02T15:04:05", time.Second},
	{"2006-01-02T15:04", time.Minute},
	{"2006-01-02 15:04", time.Minute},
	{time.DateOnly, 24 * time.Hour},
}

var errInstant = domain.NewError(domain.CodeUnprocessable,
	"This is not a valid date or time. Enter a day like 2026-10-01, which means its end, "+
		"or a time like 2026-10-01T14:30, in UTC.")

// typedInstant parses an instant. It returns the start and the end of the period that an inexact
// instant covers, or zero values if text is empty.
func typedInstant(text string) (begins, ends time.Time, err error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return time.Time{}, time.Time{}, nil
	}
	for _, form := range typedForms {
		if at, err := time.Parse(form.layout, text); err == nil && at.Year() >= 1970 && at.Year() < 9_999 {
			return at.UTC(), at.Add(max(0, form.lasts-time.Microsecond)).UTC(), nil
		}
	}
	return time.Time{}, time.Time{}, errInstant
}

// moment is an instant in a form: a day and an optional time. Without a time, it covers the whole
// day.
type moment struct {
	Label, Name string
	Day, Time   string
	Exact       string // with the fraction of the second, which Time lacks; "" without a fraction
	Fault       string

	Begins, Ends time.Time
	untilNow     bool // the period has not ended, so Ends is now
}

func momentOf(v *visit, name, label string) moment {
	given := v.r.URL.Query()
	m := moment{Label: label, Name: name, Day: strings.TrimSpace(given.Get(name)), Time: given.Get(name + "_time")}
	text := m.Day
	if m.Time != "" {
		text += "T" + m.Time
	}
	var err error
	m.Begins, m.Ends, err = typedInstant(text)
	if exact, _, wrong := typedInstant(given.Get(name + "_exact")); wrong == nil &&
		exact.Truncate(time.Second).Equal(m.Begins) { // of the address that opened the form
		m.Begins, m.Ends = exact, exact
	}
	if m.Begins.Nanosecond() > 0 {
		m.Exact = rfc3339(m.Begins)
	}
	switch now := v.deps.Now().UTC(); {
	case err != nil:
		m.Fault = "This is not a valid date or time. Choose a day like 2026-10-01, with an optional time like 14:30."
	case m.Begins.After(now):
		m.Fault = "This time is in the future. Choose an earlier time."
	case m.Ends.After(now): // today
		m.Ends, m.untilNow = now, true
	}
	if _, err := time.Parse(time.DateOnly, m.Day); err != nil && !m.Ends.IsZero() { // one parameter with day and time
		clock := time.TimeOnly
		if m.Ends.Sub(m.Begins) > time.Second {
			clock = "15:04"
		}
		m.Day, m.Time = m.Begins.Format(time.DateOnly), m.Begins.Format(clock)
	}
	return m
}

// keep puts the exact end into the address of a next page: a cursor belongs to one end, and with each
// request, today ends later.
func (m moment) keep(address url.Values) {
	if m.untilNow {
		address.Set(m.Name, rfc3339(m.Ends))
		address.Del(m.Name + "_time")
	}
}

// between holds two times of a form. If From is a day, it means the start of the day; if To is a
// day, it means the end of the day.
type between struct{ From, To moment }

func betweenOf(v *visit, to string) between {
	b := between{momentOf(v, "from", "From (UTC)"), momentOf(v, "to", to)}
	if b.From.Fault == "" && !b.To.Ends.IsZero() && b.From.Begins.After(b.To.Ends) {
		b.From.Fault = "Choose a time that is before the second time."
	}
	return b
}

func (b between) Wrong() bool { return b.From.Fault+b.To.Fault != "" }

func (b between) Given() bool { return !b.From.Begins.IsZero() || !b.To.Ends.IsZero() }

// ask adds the times to an API query, except those that are not set.
func (b between) ask(q url.Values) {
	setInstant(q, "from", b.From.Begins)
	setInstant(q, "to", b.To.Ends)
}

func setInstant(q url.Values, name string, at time.Time) {
	if !at.IsZero() {
		q.Set(name, rfc3339(at))
	}
}
