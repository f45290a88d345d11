package console

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ledgerboard/ledgerboard/api/console/chart"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

const actPath = opsPath + "/do/"

// act is something that an operator can do. It is asked for on a page of its own, which says what will happen.
type act struct {
	title  string // %s: what it is done to
	button string
	names  func(v *visit, of string) (string, error) // in words what it is done to; nil: as the address has it
	does   string                                    // what will happen
	more   func(v *visit, of string) (string, error) // what will happen to how many; nil: nothing more is to be said
	idle   func(v *visit, of string) (string, error) // why there is nothing to do, "" if there is; nil: there always is
	path   string                                    // of the API, below /api/ops/; %s: what it is done to
	back   string                                    // the page on which one sees what came of it
}

// acts are all of them, by their names in addresses.
var acts = map[string]act{
	"rebuild": {
		title: "Rebuild %s", button: "Rebuild", path: "projections/%s/rebuild", more: rebuildCosts,
		does: "New tables are made from the log, next to those that are read, and take their place once they have caught up. " +
			"Reads and changes go on meanwhile, and you can cancel it.",
	},
	"back": {
		title: "Roll back %s", button: "Roll back", path: "projections/%s/back",
		does: "The generation that was read before catches up with the log, and is read again. The present one is kept.",
	},
	"pause-projection": {
		title: "Pause %s", button: "Pause", path: "projections/%s/pause", back: projectionsPath,
		idle: pausedAlready(domain.PauseProjection),
		does: "It is not folded until somebody resumes it. Reads go on and show what was folded up to then. Nothing is lost: it catches up afterwards. " +
			"While dashboards are paused, changes of them are refused.",
	},
	"resume-projection": {
		title: "Resume %s", button: "Resume", path: "projections/%s/resume", back: projectionsPath,
		idle: notPaused(domain.PauseProjection),
		does: "It is folded again, and catches up with the log.",
	},
	"cancel": {
		title: "Cancel the %s", button: "Cancel it", path: "rebuilds/%s/cancel", back: projectionsPath,
		names: rebuildNamed, idle: rebuildEnded,
		does: "What a rebuild has made so far is removed. On a way back nothing is removed. Readers go on with the tables that they use.",
	},
	"retry": {
		title: "Try %s again", button: "Try again", path: "parked/%s/retry", back: actionsPath,
		does: "The event is folded again, and those that wait behind it. What cannot be folded stays parked.",
	},
	"retry-all": {
		title: "Try all %s events again", button: "Try again", path: "parked/retry", back: actionsPath,
		does: "They are folded again in their order. What cannot be folded stays parked.",
	},
	"skip": {
		title: "Leave %s out", button: "Leave it out", path: "parked/%s/skip", back: actionsPath,
		does: "The event stays in the log and is not folded. Of an agency's dashboards this cannot be undone, and the agency's history says so; what " +
			"waits behind the event is folded then.",
	},
	"show": {
		title: "Show %s", button: "Show it", path: "parked/%s/show",
		does: "You see the payload of this one record, which may be about people. That you looked is recorded.",
	},
	"pause-platform": {
		title: "Pause %s", button: "Pause", path: "platforms/%s/pause", back: platformsPath, names: platformNamed, more: platformAccounts,
		idle: pausedAlready(domain.PausePlatform),
		does: "Nothing of this platform is read, and no token of it is renewed, until somebody resumes it. The other platforms go on; figures that were " +
			"read stay.",
	},
	"resume-platform": {
		title: "Resume %s", button: "Resume", path: "platforms/%s/resume", back: platformsPath, names: platformNamed,
		idle: notPaused(domain.PausePlatform),
		does: "Its connected accounts are read again, each when it is due.",
	},
	"pause-connection": {
		title: "Pause connection %s", button: "Pause", path: "connections/%s/pause", back: platformsPath, names: connectionNamed,
		idle: pausedAlready(domain.PauseConnection),
		does: "None of its accounts is read until somebody resumes it. Others go on.",
	},
	"resume-connection": {
		title: "Resume connection %s", button: "Resume", path: "connections/%s/resume", back: platformsPath, names: connectionNamed,
		idle: notPaused(domain.PauseConnection),
		does: "Its accounts are read again, each when it is due.",
	},
	"read-connection": {
		title: "Read connection %s now", button: "Read it now", path: "connections/%s/read", back: platformsPath, names: connectionNamed,
		does: "Its accounts become due now: their totals are read, and those of their posts that are due by their age, as far as the quota has room.",
	},
}

// opsActView asks whether to do something, and why.
type opsActView struct {
	Title  string
	Does   string
	More   string
	Idle   string // why there is nothing to do; empty if there is
	Button string
	Here   string // address that does it
	Codes  []domain.ReasonCode
	Back   string

	Reason domain.Reason // as it was entered
	Faults formFaults    // why it was not done
}

// askedAct is what the address names: an act, and what it is done to.
func askedAct(v *visit) (do act, of string, err error) {
	do, known := acts[v.r.PathValue("act")]
	if !known {
		return do, "", errNoPage
	}
	return do, strings.TrimSuffix(v.r.PathValue("of"), "/"), nil
}

// askToAct asks for the reason of an act. What would be refused because a rebuild is under way leads to that rebuild, which can be cancelled there.
func askToAct(v *visit) (view, error) {
	if do, of, _ := askedAct(v); do.path == acts["rebuild"].path || do.path == acts["back"].path {
		rebuilds, err := get[[]operator.Rebuild](v, "/api/ops/rebuilds", nil)
		if err != nil {
			return nil, err
		}
		for _, r := range rebuilds {
			if r.Projection == of && !r.Ended() {
				return redirect(rebuildsPath + url.PathEscape(r.ID)), nil
			}
		}
	}
	return showAct(v, domain.Reason{}, formFaults{})
}

func showAct(v *visit, entered domain.Reason, faults formFaults) (view, error) {
	do, of, err := askedAct(v)
	if err != nil {
		return nil, err
	}
	named := of
	if do.names != nil {
		if named, err = do.names(v, of); err != nil {
			return nil, err
		}
	}
	shown := opsActView{
		Title: fmt.Sprintf(do.title, named), Does: do.does, Button: do.button, Here: v.r.URL.EscapedPath(), Codes: domain.ReasonCodes(), Back: do.back,
		Reason: entered, Faults: faults,
	}
	if shown.Back == "" || shown.Back == actionsPath {
		shown.Back = opsPath
	}
	if do.idle != nil {
		if shown.Idle, err = do.idle(v, of); err != nil {
			return nil, err
		}
	}
	if do.more != nil {
		if shown.More, err = do.more(v, of); err != nil {
			return nil, err
		}
	}
	return shown, nil
}

// doAct does what was asked, for the reason that the form gives.
func doAct(v *visit) (view, error) {
	do, of, err := askedAct(v)
	if err != nil {
		return nil, err
	}
	reason := domain.Reason{Code: domain.ReasonCode(v.form.Get("code")), Ticket: strings.TrimSpace(v.form.Get("ticket"))}
	answered, err := post[json.RawMessage](v, do.address(of), map[string]string{"reason": reason.String()})
	if faults, taken := faultsOf(err, wordsOfReason(reason)); taken {
		return showAct(v, reason, faults)
	}
	if err != nil {
		return nil, err
	}
	return do.after(answered)
}

// wordsOfReason say which of the two fields of a reason is wrong.
func wordsOfReason(r domain.Reason) map[string]fieldWords {
	at := fieldWords{"ticket", "Use 1 to 64 of the characters A-Z, a-z, 0-9 and . _ # / - here."}
	switch {
	case !slices.Contains(domain.ReasonCodes(), r.Code):
		at = fieldWords{"code", "Choose a reason."}
	case r.Ticket == "":
		at.Words = "The reason “other” needs a ticket. Write its number here."
	}
	return map[string]fieldWords{"reason": at}
}

// address is that of the API which does it.
func (do act) address(of string) string {
	path := "/api/ops/" + do.path
	if !strings.Contains(path, "%s") {
		return path
	}
	return fmt.Sprintf(path, url.PathEscape(of))
}

// after leads to where one sees what came of it.
func (do act) after(answered json.RawMessage) (view, error) {
	switch do.path {
	case acts["rebuild"].path, acts["back"].path:
		var r operator.Rebuild
		if err := json.Unmarshal(answered, &r); err != nil {
			return nil, fmt.Errorf("read a rebuild: %w", err)
		}
		return redirect(rebuildsPath + url.PathEscape(r.ID)), nil
	case acts["show"].path:
		var record operator.ParkedRecord
		if err := json.Unmarshal(answered, &record); err != nil {
			return nil, fmt.Errorf("read a parked record: %w", err)
		}
		return eventShown(record), nil
	default:
		return redirect(do.back), nil
	}
}

// rebuildNamed says whether a rebuild makes new tables or goes back to earlier ones, and for which read model.
func rebuildNamed(v *visit, id string) (string, error) {
	r, err := get[operator.Rebuild](v, "/api/ops/rebuilds/"+url.PathEscape(id), nil)
	if r.Back {
		return "way back of " + r.Projection, err
	}
	return "rebuild of " + r.Projection, err
}

func rebuildCosts(v *visit, projection string) (string, error) {
	projections, err := get[[]operator.Projection](v, "/api/ops/projections", nil)
	if err != nil {
		return "", err
	}
	for _, p := range projections {
		if p.Projection == projection {
			var events int64
			for _, part := range p.Partitions {
				events += part.EndOffset
			}
			return "Up to " + chart.Number(events) + " events of the log are read.", nil
		}
	}
	return "", errNoPage
}

func platformNamed(v *visit, name string) (string, error) {
	if domain.PlatformNamed(name) == 0 {
		return "", errNoPage
	}
	return network(name), nil
}

func platformAccounts(v *visit, platform string) (string, error) {
	connections, err := get[[]readmodels.ConnectionReading](v, "/api/ops/connections", nil)
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
	return fmt.Sprintf("That is %s of %s.", counted(accounts, "connected account", "connected accounts"),
		counted(len(agencies), "agency", "agencies")), nil
}

// connectionNamed is a connection's number with its pages. One that is paused may have none left.
func connectionNamed(v *visit, id string) (string, error) {
	pages, err := connectionPages(v)
	if err != nil {
		return "", err
	}
	if _, known := pages[id]; !known {
		pauses, err := allPauses(v)
		if err != nil {
			return "", err
		}
		if pauseOf(pauses, domain.PauseConnection, id) == nil {
			return "", domain.NewError(domain.CodeNotFound, "There is no connection %s.", id)
		}
	}
	return withPages(id, pages), nil
}

// rebuildEnded says that a rebuild to be canceled has ended.
func rebuildEnded(v *visit, id string) (string, error) {
	r, err := get[operator.Rebuild](v, "/api/ops/rebuilds/"+url.PathEscape(id), nil)
	if err != nil || !r.Ended() {
		return "", err
	}
	return "It has ended already: it is " + plain(r.State) + ".", nil
}

// pausedAlready says of what is to be paused that it is.
func pausedAlready(kind domain.PauseKind) func(v *visit, of string) (string, error) {
	return func(v *visit, of string) (string, error) {
		pauses, err := allPauses(v)
		paused := pauseOf(pauses, kind, of)
		if err != nil || paused == nil {
			return "", err
		}
		return "It is paused already. " + pausedFor(paused.Since, paused.Actor, paused.Reason.String()), nil
	}
}

// notPaused says of what is to be resumed that it is not paused.
func notPaused(kind domain.PauseKind) func(v *visit, of string) (string, error) {
	return func(v *visit, of string) (string, error) {
		pauses, err := allPauses(v)
		if err != nil || pauseOf(pauses, kind, of) != nil {
			return "", err
		}
		return "It is not paused.", nil
	}
}

// connectionPages names the pages of each connection and their client, by the connection's number. Names of persons' profiles are left out;
// a connection that has no others is in the map without any.
func connectionPages(v *visit) (map[string][]string, error) {
	connections, err := get[[]readmodels.ConnectionReading](v, "/api/ops/connections", nil)
	pages := map[string][]string{}
	for _, c := range connections {
		id := strconv.FormatInt(c.ConnectionID, 10)
		named := pages[id]
		if c.Name != "" {
			named = append(named, fmt.Sprintf("%s on %s, client %s", c.Name, network(c.PlatformName), nameOr(string(c.AccountName), c.AccountID)))
		}
		pages[id] = named
	}
	return pages, err
}

// withPages is a connection's number, and its pages if they are known.
func withPages(id string, pages map[string][]string) string {
	if len(pages[id]) == 0 {
		return id
	}
	return id + " (" + strings.Join(pages[id], "; ") + ")"
}
