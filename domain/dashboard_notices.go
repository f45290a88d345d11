package domain

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
