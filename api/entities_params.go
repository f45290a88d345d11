package api

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// What the entities ask of a request.
var (
	usersQuery = reading[readmodels.UsersQuery]{parseUsers, []Param{
		paramCursor, paramLimit, paramSearch, paramUserRole, paramUserActive,
	}}
	platformsQuery = reading[readmodels.PlatformsQuery]{parsePlatforms, []Param{
		paramCursor, paramLimit, paramPlatform, paramOwner, paramState,
	}}
	activitiesQuery = reading[analytics.ActivitiesQuery]{parseActivities, []Param{
		paramCursor, paramLimit, paramPlatform, paramOwner, paramConnection, paramCategory, paramPostType, paramActivityState, paramStartTime,
		paramEndTime, paramZone,
	}}
	accountsQuery = reading[readmodels.AccountsQuery]{parseAccounts, []Param{paramCursor, paramLimit, paramSearch, paramAccountActive}}
	membersQuery  = reading[readmodels.MembersQuery]{parseMembers, []Param{
		paramCursor, paramLimit, paramSearch, paramMemberActive, paramOfUser,
	}}
	dashboardsQuery = reading[readmodels.DashboardsQuery]{parseDashboards, []Param{paramCursor, paramLimit, paramSearch, paramExists}}
	categoriesQuery = reading[readmodels.CategoriesQuery]{parseCategories, []Param{paramCursor, paramLimit, paramSearch}}

	// The relations of the data model.
	userPlatformsQuery = reading[readmodels.PlatformsQuery]{
		func(p *Params) readmodels.PlatformsQuery {
			q := parsePlatforms(p)
			q.User = parseUserID(p)
			return q
		}, with(platformsQuery.takes, paramUserID),
	}
	platformActivitiesQuery = reading[analytics.ActivitiesQuery]{parseActivities, []Param{
		paramPlatformID, paramCursor, paramLimit, paramPlatform, paramOwner, paramCategory, paramPostType, paramActivityState, paramStartTime,
		paramEndTime, paramZone,
	}}
	activityStatsQuery = reading[analytics.ReadingsQuery]{parseReadings, []Param{
		paramActivityID, paramCursor, paramLimit, paramStartTime, paramEndTime, paramZone,
	}}

	oneUserQuery     = reading[string]{parseUserID, []Param{paramUserID}}
	onePlatformQuery = reading[int64]{func(p *Params) int64 { return p.ID(paramPlatformID) }, []Param{paramPlatformID}}
	oneActivityQuery = reading[string]{parseActivityID, []Param{paramActivityID}}
)

func parseUsers(p *Params) readmodels.UsersQuery {
	return readmodels.UsersQuery{
		Page: p.Page(), Search: p.text(paramSearch), Role: p.text(paramUserRole), Active: p.optionalBool(paramUserActive),
	}
}

func parseAccounts(p *Params) readmodels.AccountsQuery {
	return readmodels.AccountsQuery{Page: p.Page(), Search: p.text(paramSearch), Active: p.optionalBool(paramAccountActive)}
}

func parseMembers(p *Params) readmodels.MembersQuery {
	return readmodels.MembersQuery{
		Page: p.Page(), Search: p.text(paramSearch), Active: p.optionalBool(paramMemberActive), User: p.hex(paramOfUser),
	}
}

func parseDashboards(p *Params) readmodels.DashboardsQuery {
	return readmodels.DashboardsQuery{Page: p.Page(), Search: p.text(paramSearch), Exists: p.optionalBool(paramExists)}
}

func parseCategories(p *Params) readmodels.CategoriesQuery {
	return readmodels.CategoriesQuery{Page: p.Page(), Search: p.text(paramSearch)}
}

func parseReadings(p *Params) analytics.ReadingsQuery {
	q := analytics.ReadingsQuery{Page: p.Page(), ID: parseActivityID(p)}
	q.From, q.To = p.optionalRange()
	return q
}

func parseUserID(p *Params) string {
	value, _ := p.value(paramUserID, KindHexID)
	id, ok := domain.HexID(value)
	if !ok {
		p.bad.Addf(paramUserID.Name, "is not a user id: use 24 hex digits")
	}
	return id
}

func parsePlatforms(p *Params) readmodels.PlatformsQuery {
	return readmodels.PlatformsQuery{
		Page: p.Page(), Platforms: p.Platforms(), Member: p.optionalID(paramOwner), State: readmodels.PlatformState(p.word(paramState)),
	}
}

func parseActivities(p *Params) analytics.ActivitiesQuery {
	q := analytics.ActivitiesQuery{
		Page: p.Page(), Platforms: p.Platforms(), Member: p.optionalID(paramOwner), Social: p.optionalID(paramConnection),
		Category: p.Category(), Type: p.text(paramPostType), State: analytics.ActivityState(p.word(paramActivityState)),
	}
	q.From, q.To = p.optionalRange()
	return q
}

// optionalRange reads the range of a list, which unlike figures is whole without one: nil.
func (p *Params) optionalRange() (from, to *time.Time) {
	_, begins := p.value(paramStartTime, KindTime)
	_, ends := p.value(paramEndTime, KindTime)
	if window := p.Range(paramStartTime, paramEndTime); begins || ends {
		return &window.From, &window.To
	}
	return nil, nil
}

func parseActivityID(p *Params) string {
	value, _ := p.value(paramActivityID, KindActivity)
	_, _, ok := domain.SplitPostID(value)
	if !ok || len(value) > MaxCursor || !storable(value) {
		p.bad.Addf(paramActivityID.Name, "is not an activity's id: use <connected account>:<the platform's id of the post>")
	}
	return value
}

// MaxText is the longest text that is searched for, in characters.
const MaxText = 200

// text reads an optional text.
func (p *Params) text(declared Param) string {
	value, _ := p.value(declared, KindText)
	if utf8.RuneCountInString(value) > MaxText || !storable(value) {
		p.bad.Addf(declared.Name, "is not a text of at most %d characters", MaxText)
		return ""
	}
	return value
}

// optionalBool reads true or false; nil when it is absent.
func (p *Params) optionalBool(declared Param) *bool {
	if word := p.word(declared); word != "" {
		return new(word == "true")
	}
	return nil
}

// word reads one of the words that are declared; "" when it is absent.
func (p *Params) word(declared Param) string {
	value, present := p.value(declared, declared.Kind)
	if (present || declared.Required) && !slices.Contains(declared.Words, value) {
		wrong := cmp.Or(declared.wrong, "is not one of %s")
		p.bad.Addf(declared.Name, "%s", strings.Replace(wrong, "%s", strings.Join(declared.Words, ", "), 1))
		return ""
	}
	return value
}
