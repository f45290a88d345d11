package console

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// search is what the search of the history asks for, in the API's words.
type search struct {
	actor, user, dashboard string // ids; "": all
	action                 string
	since                  string
}

// searchWord is one word of a search, with its value in quotes where it holds spaces.
var searchWord = regexp.MustCompile(`([a-z]+):(?:"([^"]*)"|(\S+))|(\S+)`)

// parseSearch reads a search. Said is what was wrong with it, a sentence for the page; what was understood counts all the same.
func parseSearch(text string) (s search, said []string) {
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
			s.action = value
		case "since":
			s.since = value
		default:
			said = append(said, fmt.Sprintf("%q is no search: write actor:, user:, dashboard:, action: or since: and a value.", found[0]))
		}
	}
	return s, said
}

// resolve puts the id in the place of a dashboard's name.
func (s *search) resolve(v *visit) (said string, err error) {
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
		return fmt.Sprintf("No client of the agency is named %q. The page shows all dashboards.", wanted), nil
	}
	return fmt.Sprintf("Several clients are named like %q: %s. Write the whole name in quotes. The page shows all dashboards.",
		wanted, strings.Join(names, ", ")), nil
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
	for name, value := range map[string]string{"actor": s.actor, "user": s.user, "type": s.action, "from": s.since} {
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

var errInstant = refusal(http.StatusUnprocessableEntity, domain.CodeUnprocessable,
	"This is no instant. Write a day like 2026-10-01, which means its end, or 2026-10-01T14:30, in UTC.")

// typedInstant reads an instant: one that is not exact lasts from its beginning to its end. Zero: none was given.
func typedInstant(text string) (begins, ends time.Time, err error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return time.Time{}, time.Time{}, nil
	}
	for _, form := range typedForms {
		if at, err := time.Parse(form.layout, text); err == nil && at.Year() > 0 && at.Year() < 9_999 {
			return at.UTC(), at.Add(max(0, form.lasts-time.Microsecond)).UTC(), nil
		}
	}
	return time.Time{}, time.Time{}, errInstant
}
