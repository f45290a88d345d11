package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ledgerboard/ledgerboard/api/console/chart"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

const actPath = opsPath + "/do/"

// API paths of the actions with pages of their own.
const (
	rebuildAction = "projections/%s/rebuild"
	showAction    = "dead-letters/%s/show"
)

type operatorAction struct {
	title  string // %s: name of the target
	button string
	names  targetText // display name of the target; nil: the id in the address
	does   string
	more   targetText // scope of the effects; nil: not shown
	idle   targetText // why there is nothing to do, or ""; nil: there is always something to do
	path   string     // API path under /api/ops/; %s: id of the target
	back   string     // page of the list that contains the target
}

type targetText func(v *visit, target string) (string, error)

var operatorActions = map[string]operatorAction{
	"rebuild": {
		title: "Rebuild %s", button: "Rebuild", path: rebuildAction, back: projectionsPath, more: rebuildCosts,
		does: "New tables are built from the log next to the current tables. When the new tables have caught up, " +
			"they replace the current tables. The rebuild interrupts neither reads nor changes, and you can cancel it.",
	},
	"pause-projection": {
		title: "Pause %s", button: "Pause", path: "projections/%s/pause", back: projectionsPath,
		idle: pausedAlready(domain.PauseProjection),
		more: func(_ *visit, projection string) (string, error) { return pauseRefusals[projection], nil },
		does: "The projection does not process events until an operator resumes it. " +
			"Reads show the state at the time of the pause. No events are lost: the projection catches up afterwards.",
	},
	"resume-projection": {
		title: "Resume %s", button: "Resume", path: "projections/%s/resume", back: projectionsPath,
		idle: notPaused(domain.PauseProjection),
		does: "The projection processes events again and catches up with the log.",
	},
	"cancel": {
		title: "Cancel the build of %s", button: "Cancel it", path: "generations/%s/cancel", back: projectionsPath,
		names: generationNamed, idle: buildEnded,
		does: "The tables built so far are dropped. Readers keep using the current tables.",
	},
	"retry": {
		title: "Retry %s", button: "Retry", path: "dead-letters/%s/retry", back: deadLettersPath,
		does: "All changes of the agency are processed again from the first one. If an event still cannot be " +
			"processed, the agency's changes wait for it as before.",
	},
	"skip": {
		title: "Skip %s", button: "Skip", path: "dead-letters/%s/skip", back: deadLettersPath,
		does: "The event stays in the log but has no effect. All changes of the agency are processed again from the " +
			"first one, without this event. Skipping cannot be undone and is recorded in the agency's history.",
	},
	"show": {
		title: "Show %s", button: "Show", path: showAction, back: deadLettersPath,
		does: "The page shows the payload of this event, which may contain personal data. The view is recorded.",
	},
	"pause-platform": {
		title: "Pause %s", button: "Pause", path: "platforms/%s/pause", back: platformsPath,
		names: platformNamed, more: platformAccounts, idle: pausedAlready(domain.PausePlatform),
		does: "Accounts of the platform are not read and their tokens are not renewed until an operator resumes it. " +
			"Other platforms are not affected. Figures read earlier are kept.",
	},
	"resume-platform": {
		title: "Resume %s", button: "Resume", path: "platforms/%s/resume", back: platformsPath,
		names: platformNamed, idle: notPaused(domain.PausePlatform),
		does: "The connected accounts of the platform are read again when they are due.",
	},
	"pause-connection": {
		title: "Pause connection %s", button: "Pause", path: "connections/%s/pause", back: platformsPath,
		names: connectionNamed, idle: pausedAlready(domain.PauseConnection),
		does: "The accounts of the connection are not read until an operator resumes it. " +
			"Other connections are not affected.",
	},
	"resume-connection": {
		title: "Resume connection %s", button: "Resume", path: "connections/%s/resume", back: platformsPath,
		names: connectionNamed, idle: notPaused(domain.PauseConnection),
		does: "The accounts of the connection are read again when they are due.",
	},
	"read-connection": {
		title: "Read connection %s now", button: "Read now", path: "connections/%s/read", back: platformsPath,
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
	if action, target, _ := askedAct(v); action.path == rebuildAction {
		generations, err := get[[]operator.Generation](v, "/api/ops/generations", nil)
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
	path := "/api/ops/" + strings.Replace(action.path, "%s", url.PathEscape(target), 1)
	answered, err := post[json.RawMessage](v, path, map[string]string{"reason": reason.String()})
	if faults, taken := faultsOf(err, wordsOfReason(reason)); taken {
		return showAct(v, reason, faults)
	}
	if err != nil {
		return nil, err
	}
	switch action.path {
	case rebuildAction:
		var g operator.Generation
		err = json.Unmarshal(answered, &g)
		return redirect(generationsPath + url.PathEscape(g.ID)), err
	case showAction:
		var record operator.DeadRecord
		err = json.Unmarshal(answered, &record)
		shown := opsDeadLetterView{Record: record, Payload: string(record.Payload)}
		var pretty bytes.Buffer
		if json.Indent(&pretty, record.Payload, "", "  ") == nil {
			shown.Payload = pretty.String()
		}
		return shown, err
	}
	return redirect(action.back), err
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
	g, err := get[operator.Generation](v, "/api/ops/generations/"+url.PathEscape(id), nil)
	return fmt.Sprintf("generation %d of %s", g.Generation, g.Projection), err
}

func findProjection(v *visit, name string) (operator.Projection, error) {
	projections, err := get[[]operator.Projection](v, "/api/ops/projections", nil)
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
	connections, err := get[[]directory.ConnectionReading](v, "/api/ops/connections", nil)
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
	g, err := get[operator.Generation](v, "/api/ops/generations/"+url.PathEscape(id), nil)
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
	connections, err := get[[]directory.ConnectionReading](v, "/api/ops/connections", nil)
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
