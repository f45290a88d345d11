package domain

import "slices"

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
	return DashboardDifference{
		Created:            before == nil,
		Linked:             missingFrom(was.SubAccountIDs, after.SubAccountIDs),
		Unlinked:           missingFrom(after.SubAccountIDs, was.SubAccountIDs),
		UsersAdded:         missingFrom(was.Users, after.Users),
		UsersRemoved:       missingFrom(after.Users, was.Users),
		ScopesAdded:        missingFrom(was.Scopes, after.Scopes),
		ScopesRemoved:      missingFrom(after.Scopes, was.Scopes),
		MainPOCAdded:       missingFrom(was.MainPOC, after.MainPOC),
		MainPOCRemoved:     missingFrom(after.MainPOC, was.MainPOC),
		AllowClientChanged: was.AllowClientDashboard != after.AllowClientDashboard,
	}
}

// missingFrom returns the elements of list that present does not hold; sorted, never nil. It walks both
// once: every change of every dashboard is compared so, in a replay by the hundred thousand, and most of
// their lists are equal.
func missingFrom(present, list []string) []string {
	missing := []string{}
	if slices.Equal(present, list) {
		return missing
	}
	present = ascending(present)
	for _, id := range ascending(list) {
		for len(present) > 0 && present[0] < id {
			present = present[1:]
		}
		if len(present) == 0 || present[0] != id {
			missing = append(missing, id)
		}
	}
	return missing
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
