package console

const sessionsPath = Path + "/sessions"

// sessionsView lists where a person is signed in.
type sessionsView struct {
	Current  string // id of the session that asks
	Sessions []Session
}

func (sessionsView) template() (name, title string) { return "sessions", "Where you are signed in" }

func (v *visit) sessions() (view, error) {
	list, err := v.console.deps.Sessions.Of(v.r.Context(), v.who.UserID, v.console.deps.Now())
	return sessionsView{v.session.ID, list}, err
}

func (v *visit) endSession() (view, error) {
	form, err := v.form()
	if err != nil {
		return nil, err
	}
	return redirect(sessionsPath), v.console.deps.Sessions.End(v.r.Context(), v.who.UserID, form.Get("id"))
}
