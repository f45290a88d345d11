package domain

import (
	"slices"
	"strings"
)

// DashboardDifference is the difference between two states of one dashboard, by field. Its lists
// are sorted and never nil.
type DashboardDifference struct {
	Created            bool     // the dashboard did not exist before
	Linked, Unlinked   []string // other accounts that joined or left the set
	UsersAdded         []string
	UsersRemoved       []string
	ScopesAdded        []string
	ScopesRemoved      []string
	MainPOCAdded       []string
	MainPOCRemoved     []string
	AllowClientChanged bool // the allow flag changed
}

// DifferenceBetween compares a dashboard with its previous state. If before is nil, after is
// compared with a dashboard that is not linked, is closed, and has empty lists.
func DifferenceBetween(before *Dashboard, after Dashboard) DashboardDifference {
	previous := Dashboard{SubAccountIDs: []string{after.SubAccountID}}
	if before != nil {
		previous = *before
	}
	d := DashboardDifference{
		Created: before == nil, AllowClientChanged: previous.AllowClientDashboard != after.AllowClientDashboard,
	}
	d.Linked, d.Unlinked = listDiff(previous.SubAccountIDs, after.SubAccountIDs)
	d.UsersAdded, d.UsersRemoved = listDiff(previous.Users, after.Users)
	d.ScopesAdded, d.ScopesRemoved = listDiff(previous.Scopes, after.Scopes)
	d.MainPOCAdded, d.MainPOCRemoved = listDiff(previous.MainPOC, after.MainPOC)
	return d
}

// AccessBetween compares who can open a dashboard, according to its user list and allow flag only.
// The results are sorted and include agency staff on the user list.
func AccessBetween(before *Dashboard, after Dashboard) (gained, lost, kept []string) {
	if before == nil {
		before = &Dashboard{}
	}
	gained, lost = listDiff(before.openTo(), after.openTo())
	return gained, lost, removeIDs(asSet(after.openTo()), inList(gained))
}

// listDiff returns the elements that are only in after and those that are only in before, sorted
// and never nil. It makes one pass, because a replay compares hundreds of thousands of dashboards.
func listDiff(before, after []string) (added, removed []string) {
	added, removed = []string{}, []string{}
	if slices.Equal(before, after) {
		return added, removed
	}
	before, after = asSet(before), asSet(after)
	for len(before) > 0 && len(after) > 0 {
		switch order := strings.Compare(before[0], after[0]); {
		case order < 0:
			removed, before = append(removed, before[0]), before[1:]
		case order > 0:
			added, after = append(added, after[0]), after[1:]
		default:
			before, after = before[1:], after[1:]
		}
	}
	return append(added, after...), append(removed, before...)
}

// The kinds of notices; these are also the event names that listeners receive.
const (
	NoticeAccessRemoved = "client_access_removed"
	NoticeBoardClosed   = "board_closed"
)

// Notice is the effect of a record on one user. There is at most one per record and user.
type Notice struct {
	UserID      string
	Kind        string
	SubAccounts []string // the dashboards that were closed; empty if access was removed
}

// lostAccess returns the users who were on a dashboard's list before a change and are no longer on
// it afterward (rule 5), or nil.
func lostAccess(revisions []DashboardRevision) []string {
	var lost []string
	for _, r := range revisions {
		if r.Before != nil {
			lost = append(lost, removeIDs(r.Before.Users, inList(r.After.Users))...)
		}
	}
	if lost == nil {
		return nil
	}
	return set(lost)
}

// Notices returns the notices of the change, from the revisions that its fold returned: one for
// each user who lost access, and one for each other user on the list of a dashboard that was
// closed.
func (d DashboardChange) Notices(revisions []DashboardRevision) []Notice {
	notices := make([]Notice, 0, len(d.LostAccess))
	for _, user := range d.LostAccess {
		notices = append(notices, Notice{UserID: user, Kind: NoticeAccessRemoved, SubAccounts: []string{}})
	}
	lost, closed := inList(d.LostAccess), map[string]int{} // user → index in notices
	for _, r := range revisions {
		if r.Before == nil || !r.Before.AllowClientDashboard || r.After.AllowClientDashboard {
			continue
		}
		for _, user := range removeIDs(r.Before.Users, lost) {
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
