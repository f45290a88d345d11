package console

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"

	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// actionsView is what operators did, the newest first.
type actionsView struct {
	Actions []actionRow
	You     string // id of the visitor
	More    string // address of the next page; "": this is the last one
}

func (actionsView) template() (name, title string) { return "ops-actions", "What operators did" }

// actionRow is an action with its target in words.
type actionRow struct {
	operator.Action

	On   string
	Came string // what came of it
}

func (v *visit) actions() (view, error) {
	asked := url.Values{"limit": {"50"}}
	v.passOnGiven(asked, "cursor")
	actions, meta, err := getMeta[[]operator.Action, readmodels.ListMeta](v, "/api/ops/actions", asked)
	if err != nil {
		return nil, err
	}
	var pages map[string][]string
	if slices.ContainsFunc(actions, func(a operator.Action) bool { return a.Target.Connection != 0 }) {
		if pages, err = v.connectionPages(); err != nil {
			return nil, err
		}
	}
	shown := actionsView{You: v.who.UserID, More: nextPage(actionsPath, asked, meta.NextCursor)}
	for _, a := range actions {
		shown.Actions = append(shown.Actions, actionRow{a, targetOf(a.Target, pages), outcomeOf(a)})
	}
	return shown, nil
}

// targetOf names what an action was on. Operators see no names of persons.
func targetOf(t domain.OperatorTarget, pages map[string][]string) string {
	switch {
	case t.Connection != 0:
		return "connection " + withPages(strconv.FormatInt(t.Connection, 10), pages)
	case t.Platform != 0:
		return connect.Shown(t.Platform)
	case t.Position != nil:
		return fmt.Sprintf("%s-%d-%d", t.Projection, t.Position.Partition, t.Position.Offset)
	case t.Generation != 0:
		return fmt.Sprintf("%s, generation %d", t.Projection, t.Generation)
	case t.Projection != "":
		return t.Projection
	case t.User != "":
		return "user " + t.User
	case t.Member != 0:
		return "member " + strconv.FormatInt(t.Member, 10)
	default:
		return ""
	}
}

// outcomeOf says what came of an action.
func outcomeOf(a operator.Action) (text string) {
	switch {
	case a.Why != "":
		text = a.Why
	case a.Count > 0 || a.Left > 0:
		text = operator.ParkedEvents(a.Count) + " done"
		if a.Left > 0 {
			text += fmt.Sprintf(", %d left", a.Left)
		}
	case a.RebuildState != "":
		text = "The rebuild is " + plain(a.RebuildState)
	}
	return text
}
