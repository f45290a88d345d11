package api

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

func parseUsers(p *Params) directory.UsersQuery {
	return directory.UsersQuery{
		Page: p.Page(), Search: p.text(paramSearch), Role: p.text(paramUserRole),
		Active:       p.optionalBool(paramActive),
		OfDashboards: isClient(p.caller),
	}
}

func parseAccounts(p *Params) directory.AccountsQuery {
	return directory.AccountsQuery{
		Page: p.Page(), Search: p.text(paramSearch), Active: p.optionalBool(paramActive),
	}
}

func parseMembers(p *Params) directory.MembersQuery {
	return directory.MembersQuery{
		Page: p.Page(), Search: p.text(paramSearch), Active: p.optionalBool(paramActive),
		User:         p.hex(paramOfUser),
		OfDashboards: isClient(p.caller),
	}
}

func parseDashboards(p *Params) directory.DashboardsQuery {
	return directory.DashboardsQuery{Page: p.Page(), Search: p.text(paramSearch), Exists: p.optionalBool(paramExists)}
}

func parseCategories(p *Params) directory.CategoriesQuery {
	return directory.CategoriesQuery{Page: p.Page(), Search: p.text(paramSearch)}
}

func parseReadings(p *Params) analytics.ReadingsQuery {
	q := analytics.ReadingsQuery{ID: parseActivityID(p), Page: p.Page()}
	q.From, q.To = p.optionalRange()
	return q
}

func parseUserID(p *Params) string { return p.requiredHex(paramUserID) }

func parsePlatforms(p *Params) directory.PlatformsQuery {
	return directory.PlatformsQuery{
		Page: p.Page(), Platforms: p.Platforms(), Member: p.optionalID(paramOwner),
		Status: domain.PageStatus(p.word(paramStatus)),
	}
}

func parsePlatformsOfUser(p *Params) directory.PlatformsQuery {
	q := parsePlatforms(p)
	q.User = parseUserID(p)
	return q
}

func parseActivities(p *Params) analytics.ActivitiesQuery {
	q := analytics.ActivitiesQuery{
		Page: p.Page(), Platforms: p.Platforms(), Member: p.optionalID(paramOwner), Social: p.optionalID(paramPlatformID),
		Category: p.Category(), Type: p.text(paramPostType), State: analytics.ActivityState(p.word(paramActivityState)),
	}
	q.From, q.To = p.optionalRange()
	return q
}

// optionalRange reads the range of a list. Unlike figures, a list is unbounded without a range:
// both ends are nil.
func (p *Params) optionalRange() (from, to *time.Time) {
	_, begins := p.value(paramStartTime)
	_, ends := p.value(paramEndTime)
	if window := p.Range(paramStartTime, paramEndTime); begins || ends {
		return &window.From, &window.To
	}
	return nil, nil
}

func parseActivityID(p *Params) string {
	value, _ := p.value(paramActivityID)
	_, _, ok := domain.SplitPostID(value)
	if !ok || len(value) > MaxCursor || !storable(value) {
		p.bad.Addf(paramActivityID.Name, "is not an activity id: use <connected account>:<the platform's id of the post>")
	}
	return value
}

func (p *Params) text(declared Param) string {
	value, _ := p.value(declared)
	if utf8.RuneCountInString(value) > MaxText || !storable(value) {
		p.bad.Addf(declared.Name, "must be text of at most %d characters", MaxText)
		return ""
	}
	return value
}

func (p *Params) optionalBool(declared Param) *bool {
	if word := p.word(declared); word != "" {
		return new(word == "true")
	}
	return nil
}

func (p *Params) word(declared Param) string {
	value, present := p.value(declared)
	if (present || declared.Required) && !slices.Contains(declared.Words, value) {
		wrong := cmp.Or(declared.wrong, "is not one of %s")
		p.bad.Addf(declared.Name, "%s", strings.Replace(wrong, "%s", strings.Join(declared.Words, ", "), 1))
		return ""
	}
	return value
}
