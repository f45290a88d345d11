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
