package console

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// search is what the search of the history asks for, in the API's words.
type search struct {
	actor, user, dashboard string // ids, or parts of names; "": all
	named                  string // part of any name
	action                 string
	since                  string
}

// searchWord is one word of a search, with its value in quotes where it holds spaces.
var searchWord = regexp.MustCompile(`([a-z]+):(?:"([^"]*)"|(\S+))|(\S+)`)

// parseSearch reads a search. Words without a key are looked for in names. Fault is what is wrong with it; "": nothing.
func parseSearch(text string) (s search, fault string) {
	var words []string
	for _, found := range searchWord.FindAllStringSubmatch(text, -1) {
		value := found[2] + found[3]
		switch found[1] {
		case "actor":
			s.actor = value
		case "user":
			s.user = value
		case "dashboard":
			s.dashboard = value
		case "action":
			switch s.action = strings.ReplaceAll(strings.ToLower(value), " ", "_"); s.action { // as pages write it, or the API
			case "people_on_the_list_changed":
				s.action = "users_changed"
			case "board_made":
				s.action = "opened"
			}
		case "since":
			s.since = value
		case "":
			word := strings.Trim(found[0], `"`)
			if word == "" || strings.HasSuffix(word, ":") {
				return s, fmt.Sprintf("%q finds nothing. Write a value right behind the colon, or a part of a name.", found[0])
			}
			words = append(words, word)
		default:
			return s, fmt.Sprintf("%q is not a valid search. Write actor:, user:, dashboard:, action: or since: and a value, or a part of a name.", found[0])
		}
		if value == "" && found[1] != "" {
			return s, fmt.Sprintf("Write a value behind %s:.", found[1])
		}
	}
	s.named = strings.Join(words, " ")
	return s, ""
}

// searchWords are the parts of a search by the parameters of the API.
var searchWords = map[string]fieldWords{
	"from": {"q", "Write a day like since:2026-10-01, before the day that is shown."}, "type": {"q", "Write a type of change as the table shows it, like action:\"accounts linked\"."}, "actor": {"q", "Write a name or an id behind actor:."},
	"user": {"q", "Write a name or an id behind user:."}, "q": {"q", "This text is too long for a name."},
}

// resolve puts the id in the place of a dashboard's name. Fault is why it cannot; "": it could.
func (s *search) resolve(v *visit) (fault string, err error) {
	if _, isID := domain.HexID(s.dashboard); isID || s.dashboard == "" {
		return "", nil
	}
	list, err := get[[]readmodels.DashboardSummary](v, "/api/dashboards", url.Values{"q": {s.dashboard}, "limit": {"20"}})
	if err != nil {
		return "", err
	}
	var names []string
	for _, d := range list {
		if len(list) == 1 || strings.EqualFold(d.SubAccountName, s.dashboard) {
			s.dashboard = d.SubAccountID
			return "", nil
		}
		names = append(names, d.SubAccountName)
	}
	wanted := s.dashboard
	s.dashboard = ""
	if names == nil {
		return fmt.Sprintf("No client of the agency is named %q.", wanted), nil
	}
	return fmt.Sprintf("Several clients are named like %q: %s. Write the whole name in quotes.",
		wanted, strings.Join(names, ", ")), nil
}

// cuts reports whether the search may leave out boards of a change: all boards of a change have its actor, type and time.
func (s *search) cuts(actor *string) bool {
	byActor := actor != nil && strings.Contains(strings.ToLower(*actor), strings.ToLower(s.named))
	return s.dashboard+s.user != "" || s.named != "" && !byActor
}

// path is where the API answers the search.
func (s *search) path() string {
	if s.dashboard != "" {
		return "/api/projects/dashboard/" + url.PathEscape(s.dashboard) + "/history"
	}
	return "/api/audit/history"
}

// query is what the API is asked there, beside the range.
func (s *search) query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"actor": s.actor, "user": s.user, "type": s.action, "from": s.since, "q": s.named} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// typedForms are those in which a form sends an instant, in UTC, with how long each lasts.
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
	"This is not a valid date or time. Write a day like 2026-10-01, which means its end, or 2026-10-01T14:30, in UTC.")

// typedInstant reads an instant: one that is not exact lasts from its beginning to its end. Zero: none was given.
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

// moment is an instant as a form takes it: a day, and a time of that day. A day alone means all of it.
type moment struct {
	Label, Name string
	Day, Time   string
	Fault       string // why it is no instant

	Begins, Ends time.Time // zero: none was given
}

// momentOf reads the instant of that name in the address of the page.
func momentOf(v *visit, name, label string) moment {
	m := moment{Label: label, Name: name, Day: strings.TrimSpace(v.r.URL.Query().Get(name)), Time: v.r.URL.Query().Get(name + "_time")}
	text := m.Day
	if m.Time != "" {
		text += "T" + m.Time
	}
	var err error
	m.Begins, m.Ends, err = typedInstant(text)
	switch now := v.console.deps.Now().UTC(); {
	case err != nil:
		m.Fault = "This is not a valid date or time. Choose a day like 2026-10-01, with a time like 14:30 if you like."
	case m.Begins.After(now):
		m.Fault = "This moment has not come yet. Choose an earlier one."
	case m.Ends.After(now): // today
		m.Ends = now
	}
	if _, err := time.Parse(time.DateOnly, m.Day); err != nil && !m.Ends.IsZero() { // an address with both in one
		clock := time.TimeOnly
		if m.Ends.Sub(m.Begins) > time.Second {
			clock = "15:04"
		}
		m.Day, m.Time = m.Begins.Format(time.DateOnly), m.Begins.Format(clock)
	}
	return m
}

// between is two moments of a form. A day means its beginning as the first of them, and its end as the second.
type between struct{ From, To moment }

func betweenOf(v *visit, from, to string) between {
	b := between{momentOf(v, "from", from), momentOf(v, "to", to)}
	if b.From.Fault == "" && !b.To.Ends.IsZero() && b.From.Begins.After(b.To.Ends) {
		b.From.Fault = "Choose a moment that is before the other one."
	}
	return b
}

// Wrong reports whether the form must be corrected first.
func (b between) Wrong() bool { return b.From.Fault+b.To.Fault != "" }

// Given reports whether one of the two was given.
func (b between) Given() bool { return !b.From.Begins.IsZero() || !b.To.Ends.IsZero() }

// ask adds those that were given to a question to the API, which leaves out the end.
func (b between) ask(q url.Values) {
	setInstant(q, "from", b.From.Begins)
	setInstant(q, "to", b.To.Ends)
}

// setInstant asks for an instant; the zero one is not asked for.
func setInstant(q url.Values, name string, at time.Time) {
	if !at.IsZero() {
		q.Set(name, at.Format(time.RFC3339Nano))
	}
}
