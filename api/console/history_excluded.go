package console

import (
	"github.com/ledgerboard/ledgerboard/api"
)

const excludedPath = historyPath + "/excluded"

// excludedView is what lies in the log and not in the history.
type excludedView struct {
	api.Excluded

	MoreParked  bool // than the page shows
	MoreForeign int64
}

func (excludedView) template() (name, title string) { return "excluded", "Records outside the history" }

// excluded shows parked events of the agency, and foreign records that claim to be of it.
func (v *visit) excluded() (view, error) {
	found, err := get[api.Excluded](v, "/api/audit/excluded", nil)
	return excludedView{
		found, len(found.Parked) == api.MostExcluded, found.Foreign.Records - int64(len(found.Foreign.Claiming)),
	}, err
}
