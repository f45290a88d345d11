package console

import (
	"net/url"
	"reflect"
	"regexp"
	"strings"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

type page struct {
	pattern string     // [http.ServeMux] pattern with a method
	public  bool       // the page does not require signing in
	signsIn bool       // the form signs in, so the browser must keep cookies
	roles   []api.Role // nil: everyone who is signed in. The API also checks roles
	nav     string     // its name in the navigation bar; "": not in the bar
	scope   string     // scope that a client user needs to see it in the bar; "": none
	views   []view     // zero values of all views that open may return, for the test that renders every page
	open    opener
}

// isFile reports whether the page is a download, a picture or a stream. A program receives it, so it
// is never answered with another page.
func (p page) isFile() bool {
	return !p.public && len(p.views) == 0 && strings.HasPrefix(p.pattern, "GET ")
}

type opener = func(*visit) (view, error)

// view is the data of a page. Each template has a struct of its own: pages/ops-log.html has
// opsLogView.
type view any

var wordStart = regexp.MustCompile(`\B[A-Z]`)

func templateOf(v view) string {
	name := strings.TrimSuffix(reflect.TypeOf(v).Name(), "View")
	return strings.ToLower(wordStart.ReplaceAllString(name, "-$0"))
}

// boardWatcher is a view of a board that may be closed while the visitor views it. Its method
// returns the board's address, or "" if the visitor is staff.
type boardWatcher interface{ watches() string }

type statusView interface{ status() int }

// redirect is an address to redirect to, for example after a form.
type redirect string

// download reads a file to send. Unlike pages, it has no time limit.
type download func(*visit) (api.File, error)

type navItem struct {
	Path, Name string
	Current    bool
}

var (
	staff     = []api.Role{api.RoleAgency}
	clients   = []api.Role{api.RoleClient}
	customers = []api.Role{api.RoleAgency, api.RoleClient}
	auditors  = []api.Role{api.RoleAuditor, api.RoleAgency}
	operators = []api.Role{api.RoleOperator}
)

func row(pattern string, roles []api.Role, open opener, views ...view) page {
	method, path, _ := strings.Cut(pattern, " ")
	return page{pattern: method + " " + root + path, roles: roles, open: open, views: views}
}

func (p page) inBar(name, scope string) page { p.nav, p.scope = name, scope; return p }

func (p page) forAnyone() page { p.public = true; return p }

func (p page) signingIn() page { p.signsIn = true; return p }

// ofClient returns an opener for pages of the client in the address. It finds only clients of the
// visitor's agency.
func ofClient(open func(*visit, directory.Account) (view, error)) opener {
	return func(v *visit) (view, error) {
		id := v.r.PathValue("id")
		accounts, err := ask(v, api.GetAccounts, url.Values{"account": {id}})
		if err == nil && len(accounts.Data) != 1 {
			err = errNoPage
		}
		if err != nil {
			return nil, err
		}
		client := accounts.Data[0]
		v.clientZone = string(client.TimeZone)
		if !domain.Visible(client.Name) {
			client.Name = id
		}
		return open(v, client)
	}
}

func (c *Console) allPages() []page {
	all := []page{
		row("GET ", nil, openHome, clientsView{}, boardsView{}),
		row("GET /clients", staff, openClients, clientsView{}).inBar("Clients", ""),
		row("GET /clients/{id}/figures", staff, ofClient(clientFigures), figuresView{}),
		row("GET /clients/{id}/figures/{table}", staff, clientFile),
		row("GET /clients/{id}/report", staff, ofClient(clientReport), reportView{}),
		row("GET /clients/{id}/board", staff, ofClient(clientBoard), boardEditView{}),
		row("POST /clients/{id}/board", staff, ofClient(changeBoard), boardEditView{}, boardPreviewView{}),
		row("GET /clients/{id}/people", staff, ofClient(openPeople), peopleView{}),
		row("POST /clients/{id}/people", staff, ofClient(addPerson), peopleView{}),
		row("GET /clients/{id}/people/{user}/sees", staff, ofClient(openClientUser), seenView{}),
		row("GET /clients/{id}/people/{user}/sees/{board}", staff, ofClient(openBoardAs),
			figuresView{}, boardView{}, boardClosedView{}),
		row("GET /clients/{id}/people/{user}/sees/{board}/{table}", staff, ofClient(fileAs)),
		row("GET /clients/{id}/connections", staff, ofClient(clientConnections), connectionsView{}),
		row("POST /clients/{id}/connections", staff, ofClient(reconnect), connectionsView{}),
		row("GET /clients/{id}/connections/{page}/disconnect", staff, ofClient(askToDisconnect), disconnectView{}),
		row("POST /clients/{id}/connections/{page}/disconnect", staff, ofClient(disconnect), disconnectView{}),
		row("GET /clients/{id}/history", staff, ofClient(clientHistory), historyView{}),
		row("GET /board/{id}", clients, ownBoard, figuresView{}, boardView{}, boardClosedView{}),
		row("GET /board/{id}/closed", clients, justClosed, boardClosedView{}),
		row("GET /board/{id}/{table}", clients, ownFile),
		row("GET /colleagues", staff, openColleagues, colleaguesView{}).inBar("Colleagues", ""),
		row("POST /colleagues", staff, inviteColleague, colleaguesView{}),
		row("GET /connect", customers, openConnecting, connectView{}).inBar("Connect", "connect"),
		row("POST /connect", customers, beginSignIn, connectView{}),
		row("GET /connect/links", customers, openConnecting, connectView{}), // for a reload of the POST response
		row("POST /connect/links", customers, makeLink, connectLinkMadeView{}, connectView{}),
		row("POST /connect/links/{link}/revoke", customers, revokeLink),
		row("GET /brand", staff, openBrand, brandView{}),
		row("POST /brand", staff, saveBrand, brandView{}),
		row("GET /zone", customers, openZone, zoneView{}),
		row("POST /zone", customers, chooseZone, zoneView{}),
		row("GET /pictures/{id}", customers, openPicture),
		row("GET /logo", customers, openLogo),
		row("GET /stream", customers, openStream),
		row("GET /stream/notices", clients, openNotices),
		row("GET /history", auditors, openHistory, historyView{}).inBar("History", ""),
		row("GET /history/difference", auditors, openDifference, differenceView{}),
		row("GET /history/looks", auditors, openLooks, looksView{}),
		row("GET /access", auditors, openAccess, accessView{}).inBar("Access", ""),
		row("GET /access/export", auditors, openAccessExport),
		row("GET /people/{id}", auditors, openPerson, personView{}),
		row("GET /people/{id}/sign-in", staff, personSignIn, personSignInView{}),
		row("POST /people/{id}/sign-in", staff, makeSignInLink, personSignInView{}, linkMadeView{}),
		row("POST /people/{id}/sign-in/end", staff, endPersonsSession),
		row("GET /verify", auditors, openVerify, verifyView{}).inBar("Verify", ""),
		row("GET /verify/bundle", auditors, downloadBundle),
		row("GET /ops", operators, openHealth, opsHealthView{}).inBar("Health", ""),
		row("GET /ops/projections", operators, openProjections, opsProjectionsView{}).inBar("Projections", ""),
		row("GET /ops/projections/generations/{id}", operators, openGeneration, opsGenerationView{}),
		row("GET /ops/dead-letters", operators, openDeadLetters, opsDeadLettersView{}).inBar("Dead letters", ""),
		row("GET /ops/platforms", operators, openPlatforms, opsPlatformsView{}).inBar("Platforms", ""),
		row("GET /ops/log", operators, openLog, opsLogView{}).inBar("Log", ""),
		row("GET /ops/actions", operators, openActions, opsActionsView{}).inBar("Actions", ""),
		row("GET /ops/do/{act}/{of...}", operators, askToAct, opsActView{}),
		row("POST /ops/do/{act}/{of...}", operators, doAct, opsDeadLetterView{}, opsActView{}),
	}
	if c.deps.Application != nil {
		return all
	}
	return append(all,
		row("GET /sign-in", nil, signInPage, signInView{}).forAnyone(),
		row("POST /sign-in/demo", nil, continueAs).forAnyone().signingIn(),
		row("POST /sign-in/token", nil, useToken).forAnyone().signingIn(),
		row("POST /sign-in/first", nil, createFirstAgency, signInView{}).forAnyone().signingIn(),
		row("GET /link/{secret}", nil, linkPage, linkFollowView{}).forAnyone(),
		row("POST /link/{secret}", nil, useLink).forAnyone().signingIn(),
		row("POST /sign-out", nil, signOut).forAnyone(),
		row("GET /sessions", nil, openSessions, sessionsView{}),
		row("POST /sessions", nil, endSession),
		row("GET /signin/start", nil, goToProvider).forAnyone(),
		row("GET /signin/callback", nil, comeFromProvider).forAnyone(),
		row("GET /signin/end", nil, signOutAtProvider).forAnyone(),
		row("POST /signin/logout", nil, logoutFromProvider).forAnyone(),
	)
}
