package console

import (
	"net/url"

	"github.com/ledgerboard/ledgerboard/api"
)

const verifyPath = Path + "/verify"

func (c *Console) verifyPages() []page {
	return []page{
		{pattern: "GET " + verifyPath, roles: auditors, nav: "Verify", views: []view{verifyView{}}, open: (*visit).verify},
		{pattern: "GET " + verifyPath + "/bundle", roles: auditors, open: func(*visit) (view, error) { return passOn("/api/audit/bundle"), nil }},
	}
}

// verifyView shows what a person needs to verify the history without the service.
type verifyView struct {
	Agency string               // id
	Newest *api.CheckpointEntry // nil: no checkpoint is signed yet
}

func (verifyView) template() (name, title string) { return "verify", "Verify the history" }

func (v *visit) verify() (view, error) {
	shown := verifyView{Agency: v.who.AccountID}
	list, err := get[[]api.CheckpointEntry](v, "/api/audit/checkpoints", url.Values{"limit": {"1"}})
	if len(list) > 0 {
		shown.Newest = &list[0]
	}
	return shown, err
}
