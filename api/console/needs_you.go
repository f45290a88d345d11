package console

import (
	"net/url"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// mostNeeds is how many concerns stand open on an agency's first page; more are behind a click.
const mostNeeds = 10

// needsYou are what somebody of the agency has to do about any of its clients, whatever part of their list is shown: sign-ins first, then boards
// that nobody may look at, then figures that are missing.
func (v *visit) needsYou() (all []concern, err error) {
	boards, err := v.allBoards()
	if err != nil {
		return nil, err
	}
	from, to := v.latelyDays()
	_, meta, err := getMeta[analytics.AccountFollowers, analytics.Meta](v, "/auth/getAccountFollowers/"+from+"/"+to+"/all", url.Values{"compare": {"none"}})
	if err != nil {
		return nil, err
	}
	sources := map[string][]analytics.Source{}
	for _, s := range meta.Sources {
		if s.Status != analytics.SourceDisconnected { // somebody meant it
			sources[s.AccountID] = append(sources[s.AccountID], s)
		}
	}
	var unseen, missing []concern
	for _, board := range boards {
		name := nameOr(board.SubAccountName, board.SubAccountID)
		if board.Exists && board.AllowClientDashboard && board.ListedUsers == 0 {
			unseen = append(unseen, concern{
				name + ": no one can open the board", "It is open, but no one is on its list.", clientPath(board.SubAccountID, "board"),
			})
		}
		for _, s := range analytics.Gravest(sources[board.SubAccountID]) {
			at, gravest := network(s.PlatformName), s.Status
			switch says := sourceSays(gravest, at); {
			case says == "":
			case gravest == analytics.SourceReconnect:
				all = append(all, concern{name + ": connect " + at + " again", says, clientPath(board.SubAccountID, "connections")})
			case gravest == analytics.SourcePartial:
				missing = append(missing, concern{name + ": figures are missing", says, clientPath(board.SubAccountID, "figures")})
			default:
				missing = append(missing, concern{name + ": figures are missing", says, clientPath(board.SubAccountID, "connections")})
			}
		}
	}
	return append(append(all, unseen...), missing...), nil
}

// allBoards are those of all clients.
func (v *visit) allBoards() (all []readmodels.DashboardSummary, err error) {
	asked := url.Values{"limit": {strconv.Itoa(api.MaxPageLimit)}}
	for {
		boards, meta, err := getMeta[[]readmodels.DashboardSummary, readmodels.ListMeta](v, "/api/dashboards", asked)
		all = append(all, boards...)
		if err != nil || meta.NextCursor == "" {
			return all, err
		}
		asked.Set("cursor", meta.NextCursor)
	}
}

// latelyDays are the first and the last of the days whose figures stand beside a client.
func (v *visit) latelyDays() (from, to string) {
	until := v.console.deps.Now().UTC()
	return until.AddDate(0, 0, 1-lately).Format(time.DateOnly), until.Format(time.DateOnly)
}
