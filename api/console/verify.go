package console

import (
	"net/http"
	"net/url"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
)

const verifyPath = Path + "/verify"

func (c *Console) verifyPages() []page {
	return []page{
		{pattern: "GET " + verifyPath, roles: auditors, nav: "Verify", views: []view{verifyView{}}, open: (*visit).verify},
		{pattern: "POST " + verifyPath, roles: auditors, open: (*visit).startVerify},
		{pattern: "GET " + verifyPath + "/bundle", roles: auditors, open: func(*visit) (view, error) { return passOn("/api/audit/bundle"), nil }},
	}
}

// verifyView is a verification, how far it is, and what it found.
type verifyView struct {
	Run   *api.VerifyRun // nil: none was started
	Stage string         // in words
}

func (verifyView) template() (name, title string) { return "verify", "Verify the history" }

// again has the page load again while a verification runs.
func (s verifyView) again() bool {
	return s.Run != nil && s.Run.FinishedAt == nil && s.Run.Failure == ""
}

// stages are the stages of a verification in words.
var stages = map[string]string{
	api.VerifyWaiting: "It waits for another verification to end.",
	"checkpoints":     "The signed statements about the log are read.",
	"records":         "The records are read from the log.",
	"findings":        "What was read is held against the signed statements and the tables.",
	api.VerifyDone:    "It is done.",
	api.VerifyFailed:  "It failed.",
}

// verify shows the verification of the address, or the newest one of the visitor.
func (v *visit) verify() (view, error) {
	path := "/api/audit/verify"
	if id := v.r.URL.Query().Get("run"); id != "" {
		path += "/" + url.PathEscape(id)
	}
	run, err := get[api.VerifyRun](v, path, nil)
	if domain.CodeOf(err) == domain.CodeNotFound {
		return verifyView{}, nil // none was started, or it was too long ago
	}
	return verifyView{&run, stages[run.Stage]}, err
}

// startVerify starts a verification, or joins one that runs.
func (v *visit) startVerify() (view, error) {
	form, err := v.form()
	if err != nil {
		return nil, err
	}
	kind := form.Get("kind")
	if kind != api.VerifyOwn && kind != api.VerifyAll {
		return nil, errVerifyKind
	}
	run, err := post[api.VerifyRun](v, "/api/audit/verify?"+url.Values{"kind": {kind}}.Encode(), nil)
	return redirect(verifyPath + "?" + url.Values{"run": {run.ID}}.Encode()), err
}

var errVerifyKind = refusal(http.StatusUnprocessableEntity, domain.CodeUnprocessable,
	"The form does not say what to verify. Go back, and choose a button.")
