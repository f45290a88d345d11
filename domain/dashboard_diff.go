package domain

import (
	"slices"
	"strings"
)

// DashboardDifference is what lies between two states of one dashboard, in the fields of the document.
// Its lists are sorted and never nil.
type DashboardDifference struct {
	Created            bool     // there was no dashboard before
	Linked, Unlinked   []string // other accounts that joined and left the set
	UsersAdded         []string
	UsersRemoved       []string
	ScopesAdded        []string
	ScopesRemoved      []string
	MainPOCAdded       []string
	MainPOCRemoved     []string
	AllowClientChanged bool // the allow flag is another one
}

// DifferenceBetween compares a dashboard with what it was; nil: it was not there, which counts as
// alone, closed, with empty lists.
func DifferenceBetween(before *Dashboard, after Dashboard) DashboardDifference {
	was := Dashboard{SubAccountIDs: []string{after.SubAccountID}}
	if before != nil {
		was = *before
	}
	d := DashboardDifference{Created: before == nil, AllowClientChanged: was.AllowClientDashboard != after.AllowClientDashboard}
	d.Linked, d.Unlinked = between(was.SubAccountIDs, after.SubAccountIDs)
	d.UsersAdded, d.UsersRemoved = between(was.Users, after.Users)
	d.ScopesAdded, d.ScopesRemoved = between(was.Scopes, after.Scopes)
	d.MainPOCAdded, d.MainPOCRemoved = between(was.MainPOC, after.MainPOC)
	return d
}

// AccessBetween compares who may open a dashboard by its list and its flag alone: who gains access, who loses it, and who has it before and
// after. Staff of the agency on the list is among them. The lists are sorted.
func AccessBetween(before *Dashboard, after Dashboard) (gained, lost, kept []string) {
	var was, is []string
	if before != nil && before.AllowClientDashboard {
		was = before.Users
	}
	if after.AllowClientDashboard {
		is = after.Users
	}
	gained, lost = between(was, is)
	return gained, lost, without(ascending(is), among(gained))
}

// between returns what one list has and the other has not, both ways; sorted, never nil. It walks both once: every
// change of every dashboard is compared so, in a replay by the hundred thousand, and most of their lists are equal.
func between(was, is []string) (added, removed []string) {
	added, removed = []string{}, []string{}
	if slices.Equal(was, is) {
		return added, removed
	}
	was, is = ascending(was), ascending(is)
	for len(was) > 0 && len(is) > 0 {
		switch order := strings.Compare(was[0], is[0]); {
		case order < 0:
			removed, was = append(removed, was[0]), was[1:]
		case order > 0:
			added, is = append(added, is[0]), is[1:]
		default:
			was, is = was[1:], is[1:]
		}
	}
	return append(added, is...), append(removed, was...)
}

// ascending returns the list as a set, and not as a copy where it is one, as a dashboard's lists are.
func ascending(list []string) []string {
	for i := 1; i < len(list); i++ {
		if list[i-1] >= list[i] {
			return set(list)
		}
	}
	return list
}

// The kinds of notices, which are the names of the events that listeners hear.
const (
	NoticeAccessRemoved = "client_access_removed"
	NoticeBoardClosed   = "board_closed"
)

// Notice says what a record means for one user. There is at most one for each record and user.
type Notice struct {
	UserID      string
	Kind        string
	SubAccounts []string // the dashboards that were closed; none where access was removed
}

// lostAccess are the users who stand on the list of a dashboard before a change and not after it (rule 5); nil: nobody.
func lostAccess(revisions []DashboardRevision) []string {
	var lost []string
	for _, r := range revisions {
		if r.Before != nil {
			lost = append(lost, without(r.Before.Users, among(r.After.Users))...)
		}
	}
	if lost == nil {
		return nil
	}
	return set(lost)
}

// Notices are those of the change, by the revisions that its fold gave: whoever lost access is told so, and whoever
// stays on the list of a dashboard that clients could open and cannot open any more is told which.
func (c DashboardChange) Notices(revisions []DashboardRevision) []Notice {
	notices := make([]Notice, 0, len(c.LostAccess))
	for _, user := range c.LostAccess {
		notices = append(notices, Notice{UserID: user, Kind: NoticeAccessRemoved, SubAccounts: []string{}})
	}
	lost, closed := among(c.LostAccess), map[string]int{} // user → place in notices
	for _, r := range revisions {
		if r.Before == nil || !r.Before.AllowClientDashboard || r.After.AllowClientDashboard {
			continue
		}
		for _, user := range without(r.Before.Users, lost) {
			i, known := closed[user]
			if !known {
				i, closed[user] = len(notices), len(notices)
				notices = append(notices, Notice{UserID: user, Kind: NoticeBoardClosed})
			}
			notices[i].SubAccounts = append(notices[i].SubAccounts, r.After.SubAccountID)
		}
	}
	return notices
}
