package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/ledgerboard/ledgerboard/readmodels"
)

const backPath = historyPath + "/back"

// backView says what happens if a board becomes again what it was at a moment, before that is recorded.
type backView struct {
	Board   readmodels.Named
	Instant time.Time
	Preview readmodels.DashboardPreview
	Gone    []readmodels.Named // people and accounts of the moment that the directory holds no longer: they stay away
	Again   bool               // somebody changed the board after the last preview
	At      string             // the instant as the form sends it
	History string             // address of the board's history
}

func (backView) template() (name, title string) { return "back", "Back to a moment" }

// backChange is the change that brings a moment back, as the API takes it. Points of contact follow from orders, as always.
type backChange struct {
	AllowClientDashboard bool     `json:"allow_client_dashboard"`
	SubAccountIDs        []string `json:"sub_account_ids"`
	Users                []string `json:"users"`
	Scopes               []string `json:"scopes"`
	Unlink               bool     `json:"unlink"` // the accounts are the whole linked set
}

// back asks what the change would do.
func (v *visit) back() (view, error) {
	shown, _, err := v.previewBack(v.r.URL.Query())
	return shown, err
}

// goBack makes the change, exactly as it was previewed. It is a new record; the history stays.
func (v *visit) goBack() (view, error) {
	form, err := v.form()
	if err != nil {
		return nil, err
	}
	shown, change, err := v.previewBack(form)
	if err != nil {
		return nil, err
	}
	err = v.putPreviewed(shown.Board.ID, change, form.Get("preview"))
	if why, ok := errors.AsType[*refused](err); ok && why.status == http.StatusPreconditionFailed {
		shown.Again = true
		return shown, nil
	}
	return redirect(shown.History), err
}

func (v *visit) previewBack(asked url.Values) (shown backView, change backChange, err error) {
	_, at, err := typedInstant(asked.Get("at"))
	if err != nil {
		return shown, change, err
	}
	state, err := v.stateThen(asked.Get("dashboard"), at)
	if err != nil {
		return shown, change, err
	}
	shown = backView{Board: state.Dashboard, Instant: at, At: asked.Get("at"), History: historyAddress("", "dashboard:"+state.Dashboard.ID)}
	known := func(all []readmodels.Named) []string {
		ids := []string{}
		for _, n := range all {
			if n.Name == nil {
				shown.Gone = append(shown.Gone, n)
				continue
			}
			ids = append(ids, n.ID)
		}
		return ids
	}
	change = backChange{
		AllowClientDashboard: state.State.AllowClientDashboard, SubAccountIDs: known(state.State.SubAccountIDs),
		Users: known(state.State.Users), Scopes: append([]string{}, state.State.Scopes...), Unlink: true,
	}
	shown.Preview, err = post[readmodels.DashboardPreview](v, dashboardPath(shown.Board.ID)+"/preview", change)
	return shown, change, err
}

func dashboardPath(id string) string { return "/api/projects/dashboard/" + url.PathEscape(id) }

// putPreviewed changes a board if that does exactly what was previewed.
func (v *visit) putPreviewed(board string, change backChange, preview string) error {
	body, err := json.Marshal(change)
	if err != nil {
		return fmt.Errorf("change a board: %w", err)
	}
	r := v.request(http.MethodPut, dashboardPath(board), body)
	r.Header.Set("If-Preview", preview)
	answered := &answer{header: http.Header{}}
	v.console.deps.API.ServeHTTP(answered, r)
	if answered.status >= http.StatusMultipleChoices {
		return answered.refusal()
	}
	return nil
}
