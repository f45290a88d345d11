package console

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

const backPath = historyPath + "/back"

// backView says what happens if a board becomes again what it was at a moment, before that is recorded.
type backView struct {
	Board   readmodels.Named
	Instant time.Time
	Preview readmodels.DashboardPreview
	Gone    []readmodels.Named // people and accounts of the moment that the directory holds no longer: they stay away
	First   bool               // of several changes: one takes accounts away, and another one adds accounts
	Again   bool               // somebody changed the board after the last preview
	At      string             // the instant as the form sends it
	Body    string             // of the request that does it
	Key     string             // has a form that is sent twice do it once
	History string             // address of the board's history
}

func (backView) template() (name, title string) { return "back", "Back to a moment" }

// backChange is the change that brings a moment back, as the API takes it. Points of contact follow from orders, as always.
type backChange struct {
	AllowClientDashboard *bool     `json:"allow_client_dashboard,omitempty"`
	SubAccountIDs        []string  `json:"sub_account_ids,omitempty"`
	Users                *[]string `json:"users,omitempty"`
	Scopes               *[]string `json:"scopes,omitempty"`
	Unlink               bool      `json:"unlink,omitempty"` // the accounts are the whole linked set
}

// back asks what the change would do.
func (v *visit) back() (view, error) { return v.previewBack(v.r.URL.Query()) }

// goBack makes the change, exactly as it was previewed. It is a new record; the history stays. A form that is sent twice makes it once.
func (v *visit) goBack() (view, error) {
	form, err := v.formUpTo(maxListForm)
	if err != nil {
		return nil, err
	}
	body := json.RawMessage(form.Get("body"))
	if !json.Valid(body) {
		return nil, errForm
	}
	_, err = v.send(http.MethodPut, boardAPI(form.Get("dashboard")), body, map[string]string{
		"If-Preview": form.Get("preview"), "Idempotency-Key": form.Get("key"),
	})
	switch domain.CodeOf(err) {
	case domain.CodePreconditionFailed:
		shown, err := v.previewBack(form)
		shown.Again = shown.Preview.Preview != "" // else somebody else has done the same
		return shown, err
	case domain.CodeUnavailable:
		return nil, errSavedMaybe
	}
	left := url.Values{"dashboard": {form.Get("dashboard")}, "at": {form.Get("at")}} // what is left to do, or that nothing is
	return redirect(backPath + "?" + left.Encode()), err
}

func (v *visit) previewBack(asked url.Values) (shown backView, err error) {
	_, at, err := typedInstant(asked.Get("at"))
	if err != nil {
		return shown, err
	}
	state, err := v.stateThen(asked.Get("dashboard"), at)
	if err != nil {
		return shown, err
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
	now, err := v.stateThen(shown.Board.ID, time.Time{})
	if err != nil {
		return shown, err
	}
	users := known(state.State.Users)
	var change backChange
	change, shown.First = backTo(known(state.State.SubAccountIDs), idsOf(now.State.SubAccountIDs))
	if !shown.First {
		change.AllowClientDashboard, change.Users = &state.State.AllowClientDashboard, &users
		change.Scopes = new(append([]string{}, state.State.Scopes...))
	}
	raw, err := json.Marshal(change)
	if err != nil {
		return shown, fmt.Errorf("change a board: %w", err)
	}
	shown.Body, shown.Key = string(raw), rand.Text()
	shown.Preview, err = post[readmodels.DashboardPreview](v, boardAPI(shown.Board.ID)+"/preview", change)
	return shown, err
}

// backTo is the change from the accounts that are linked now to those that were then. One change takes accounts away or adds some, which bring
// those that they are linked with now: where both is to be done, it takes away first.
func backTo(then, now []string) (change backChange, first bool) {
	stay := slices.DeleteFunc(slices.Clone(then), func(id string) bool { return !slices.Contains(now, id) })
	adds, takes := len(stay) < len(then), len(stay) < len(now)
	switch {
	case takes:
		return backChange{SubAccountIDs: stay, Unlink: true}, adds
	case adds:
		return backChange{SubAccountIDs: then}, false
	}
	return backChange{}, false
}
