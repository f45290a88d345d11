package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/console/chart"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

const actPath = opsPath + "/do/"

type operatorAction struct {
	title  string // %s: name of the target
	button string
	names  targetText // display name of the target; nil: the id in the address
	does   string
	more   targetText // scope of the effects; nil: not shown
	idle   targetText // why there is nothing to do, or ""; nil: there is always something to do
	op     api.Operation
	target string // the parameter of op with the id of the target
	back   string // page of the list that contains the target
}

type targetText func(v *visit, target string) (string, error)

var operatorActions = map[string]operatorAction{
	"rebuild": {
		title: "Rebuild %s", button: "Rebuild", op: api.PostOpsRebuild.Operation, target: "projection", back: projectionsPath, more: rebuildCosts,
		does: "New tables are built from the log next to the current tables. When the new tables have caught up, " +
			"they replace the current tables. The rebuild interrupts neither reads nor changes, and you can cancel it.",
	},
	"pause-projection": {
		title: "Pause %s", button: "Pause", op: api.PostOpsPause.Operation, target: "projection", back: projectionsPath,
		idle: pausedAlready(domain.PauseProjection),
		more: func(_ *visit, projection string) (string, error) { return pauseRefusals[projection], nil },
		does: "The projection does not process events until an operator resumes it. " +
			"Reads show the state at the time of the pause. No events are lost: the projection catches up afterwards.",
	},
	"resume-projection": {
		title: "Resume %s", button: "Resume", op: api.PostOpsResume.Operation, target: "projection", back: projectionsPath,
		idle: notPaused(domain.PauseProjection),
		does: "The projection processes events again and catches up with the log.",
	},
	"cancel": {
		title: "Cancel the build of %s", button: "Cancel it", op: api.PostOpsCancel.Operation, target: "generation", back: projectionsPath,
		names: generationNamed, idle: buildEnded,
		does: "The tables built so far are dropped. Readers keep using the current tables.",
	},
	"retry": {
		title: "Retry %s", button: "Retry", op: api.PostOpsRetry.Operation, target: "letter", back: deadLettersPath,
		does: "All changes of the agency are processed again from the first one. If an event still cannot be " +
			"processed, the agency's changes wait for it as before.",
	},
	"skip": {
		title: "Skip %s", button: "Skip", op: api.PostOpsSkip.Operation, target: "letter", back: deadLettersPath,
		does: "The event stays in the log but has no effect. All changes of the agency are processed again from the " +
			"first one, without this event. Skipping cannot be undone and is recorded in the agency's history.",
	},
	"show": {
		title: "Show %s", button: "Show", op: api.PostOpsDeadLetterShow.Operation, target: "letter", back: deadLettersPath,
		does: "The page shows the payload of this event, which may contain personal data. The view is recorded.",
	},
	"pause-platform": {
		title: "Pause %s", button: "Pause", op: api.PostOpsPlatformPause.Operation, target: "platform", back: platformsPath,
		names: platformNamed, more: platformAccounts, idle: pausedAlready(domain.PausePlatform),
		does: "Accounts of the platform are not read and their tokens are not renewed until an operator resumes it. " +
			"Other platforms are not affected. Figures read earlier are kept.",
	},
	"resume-platform": {
		title: "Resume %s", button: "Resume", op: api.PostOpsPlatformResume.Operation, target: "platform", back: platformsPath,
		names: platformNamed, idle: notPaused(domain.PausePlatform),
		does: "The connected accounts of the platform are read again when they are due.",
	},
	"pause-connection": {
		title: "Pause connection %s", button: "Pause", op: api.PostOpsConnectionPause.Operation, target: "connection", back: platformsPath,
		names: connectionNamed, idle: pausedAlready(domain.PauseConnection),
		does: "The accounts of the connection are not read until an operator resumes it. " +
			"Other connections are not affected.",
	},
	"resume-connection": {
		title: "Resume connection %s", button: "Resume", op: api.PostOpsConnectionResume.Operation, target: "connection", back: platformsPath,
		names: connectionNamed, idle: notPaused(domain.PauseConnection),
		does: "The accounts of the connection are read again when they are due.",
	},
	"read-connection": {
		title: "Read connection %s now", button: "Read now", op: api.PostOpsRead.Operation, target: "connection", back: platformsPath,
		names: connectionNamed,
		does: "The accounts of the connection become due now. As far as the quota permits, their totals are read, " +
			"and also the posts that are due because of their age.",
	},
}

type opsActView struct {
	Title  string
	Does   string
	More   string
	Idle   string // why there is nothing to do; "": there is something to do
	Button string
	Here   string
	Codes  []domain.ReasonCode
	Back   string

	Reason domain.Reason // as entered
	Faults formFaults
}

func askedAct(v *visit) (action operatorAction, target string, err error) {
	action, known := operatorActions[v.r.PathValue("act")]
	if !known {
		return action, "", errNoPage
	}
	return action, strings.TrimSuffix(v.r.PathValue("of"), "/"), nil
}

// askToAct asks for the reason for an action. If a generation that is being built blocks the
// action, it redirects to the page of that generation, where the visitor can cancel the build.
func askToAct(v *visit) (view, error) {
	if action, target, _ := askedAct(v); action.op.ID == api.PostOpsRebuild.ID {
		generations, err := ask(v, api.GetOpsGenerations, nil)
		if err != nil {
			return nil, err
		}
		for _, g := range generations {
			if g.Projection == target && g.Unfinished() {
				return redirect(generationsPath + url.PathEscape(g.ID)), nil
			}
		}
	}
	return showAct(v, domain.Reason{}, formFaults{})
}

func showAct(v *visit, entered domain.Reason, faults formFaults) (view, error) {
	action, target, err := askedAct(v)
	if err != nil {
		return nil, err
	}
	named := target
	if action.names != nil {
		if named, err = action.names(v, target); err != nil {
			return nil, err
		}
	}
	shown := opsActView{
		Title: fmt.Sprintf(action.title, named), Does: action.does, Button: action.button, Here: v.r.URL.EscapedPath(),
		Codes: domain.ReasonCodes(), Back: action.back, Reason: entered, Faults: faults,
	}
	if action.idle != nil {
		if shown.Idle, err = action.idle(v, target); err != nil {
			return nil, err
		}
	}
	if action.more != nil {
		if shown.More, err = action.more(v, target); err != nil {
			return nil, err
		}
	}
	return shown, nil
}

func doAct(v *visit) (view, error) {
	action, target, err := askedAct(v)
	if err != nil {
		return nil, err
	}
	reason := domain.Reason{
		Code: domain.ReasonCode(v.form.Get("code")), Ticket: strings.TrimSpace(v.form.Get("ticket")),
	}
	given := url.Values{action.target: {target}}
	output, err := v.once(action.op.ID, given, func(ctx context.Context) (any, error) {
		return v.deps.API.Call(ctx, action.op, v.who, given, func(input any) {
			if act, ok := input.(interface{ SetReason(reason string) }); ok {
				act.SetReason(reason.String())
			}
		})
	})
	if faults, taken := faultsOf(err, wordsOfReason(reason)); taken {
		return showAct(v, reason, faults)
	}
	if err != nil {
		return nil, err
	}
	switch done := output.(type) {
	case operator.Generation:
		return redirect(generationsPath + url.PathEscape(done.ID)), nil
	case operator.DeadRecord:
		shown := opsDeadLetterView{Record: done, Payload: string(done.Payload)}
		var pretty bytes.Buffer
		if json.Indent(&pretty, done.Payload, "", "  ") == nil {
			shown.Payload = pretty.String()
		}
		return shown, nil
	}
	return redirect(action.back), nil
}

func wordsOfReason(r domain.Reason) map[string]fieldWords {
	at := fieldWords{"ticket", "Use 1 to 64 of the characters A-Z, a-z, 0-9 and . _ # / -"}
	switch {
	case !slices.Contains(domain.ReasonCodes(), r.Code):
		at = fieldWords{"code", "Choose a reason."}
	case r.Ticket == "":
		at.Words = "The reason “other” requires a ticket. Enter its number here."
	}
	return map[string]fieldWords{"reason": at}
}

func generationNamed(v *visit, id string) (string, error) {
	g, err := ask(v, api.GetOpsGeneration, url.Values{"generation": {id}})
	return fmt.Sprintf("generation %d of %s", g.Generation, g.Projection), err
}

func findProjection(v *visit, name string) (operator.Projection, error) {
	projections, err := ask(v, api.GetOpsProjections, nil)
	if err != nil {
		return operator.Projection{}, err
	}
	for _, p := range projections {
		if p.Projection == name {
			return p, nil
		}
	}
	return operator.Projection{}, errNoPage
}

func rebuildCosts(v *visit, projection string) (string, error) {
	p, err := findProjection(v, projection)
	var events int64
	for _, part := range p.Partitions {
		events += part.EndOffset
	}
	return "The rebuild reads up to " + chart.Number(events) + " events from the log.", err
}

// pauseRefusals describe the effects on users while a projection is paused.
var pauseRefusals = map[string]string{
	"dashboards": "While it is paused, changes to dashboards are refused.",
	"directory": "While it is paused, no client or person can be added, and no page connected or disconnected. " +
		"If the main application or a sign-in changes the directory during the pause, the service does not know " +
		"who has left. One minute later it refuses all changes, new connections, histories and exports " +
		"until the projection is resumed.",
	"operations": "While it is paused, the lists of operator actions and of views of the history " +
		"do not contain the newest entries.",
}

func platformNamed(v *visit, name string) (string, error) {
	if domain.PlatformNamed(name) == 0 {
		return "", errNoPage
	}
	return network(name), nil
}

func platformAccounts(v *visit, platform string) (string, error) {
	connections, err := ask(v, api.GetOpsConnections, nil)
	if err != nil {
		return "", err
	}
	accounts, agencies := 0, map[string]bool{}
	for _, c := range connections {
		if c.PlatformName == platform {
			accounts++
			agencies[c.Agency] = true
		}
	}
	return fmt.Sprintf("This affects %s of %s.", counted(accounts, "connected account", "connected accounts"),
		counted(len(agencies), "agency", "agencies")), nil
}

// connectionNamed returns the id of a connection with its pages. A paused connection may have no
// pages.
func connectionNamed(v *visit, id string) (string, error) {
	pages, err := connectionPages(v)
	if err != nil {
		return "", err
	}
	if _, known := pages[id]; !known {
		paused, err := findPause(v, domain.PauseConnection, id)
		if err != nil {
			return "", err
		}
		if paused == nil {
			return "", domain.NewError(domain.CodeNotFound, "There is no connection %s.", id)
		}
	}
	return withPages(id, pages), nil
}

func buildEnded(v *visit, id string) (string, error) {
	g, err := ask(v, api.GetOpsGeneration, url.Values{"generation": {id}})
	if err != nil || g.Unfinished() {
		return "", err
	}
	return "It is not being built any more. Its state is " + plain(g.State) + ".", nil
}

func pausedAlready(kind domain.PauseKind) targetText {
	return func(v *visit, target string) (string, error) {
		paused, err := findPause(v, kind, target)
		if err != nil || paused == nil {
			return "", err
		}
		return "It is already paused. " + pausedFor(paused.Since, paused.Actor, paused.Reason), nil
	}
}

func notPaused(kind domain.PauseKind) targetText {
	return func(v *visit, target string) (string, error) {
		paused, err := findPause(v, kind, target)
		if err != nil || paused != nil {
			return "", err
		}
		return "It is not paused.", nil
	}
}

// connectionPages returns the pages and profiles of each connection with their clients, by
// connection id. Profiles have no names, because operators must not see people's names.
func connectionPages(v *visit) (map[string][]string, error) {
	connections, err := ask(v, api.GetOpsConnections, nil)
	pages := map[string][]string{}
	for _, c := range connections {
		id := strconv.FormatInt(c.ConnectionID, 10)
		pages[id] = append(pages[id], fmt.Sprintf("%s on %s, client %s", foreign(c.Name, "a profile"),
			network(c.PlatformName), foreign(c.AccountName, c.AccountID)))
	}
	return pages, err
}

func withPages(id string, pages map[string][]string) string {
	if len(pages[id]) == 0 {
		return id
	}
	return id + " (" + strings.Join(pages[id], "; ") + ")"
}
