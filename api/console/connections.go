package console

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

type connectionsView struct {
	directory.Account

	Connected []connection
	Networks  []domain.Platform
	Waits     bool // a first reading is pending
	Late      bool // the list may lack the latest changes or readings
	Fault     string
}

type connection struct {
	directory.ConnectedPlatform

	Says  string
	More  string            // details: which part could not be read, and the platform's answer
	Lacks bool              // figures are missing because permissions were declined during sign-in
	Again []domain.Platform // platforms where a sign-in repairs it
	Ends  bool              // it can be disconnected here; false if the main application connected it
	Well  bool
}

// lateAfter is how long a projection that is behind may make no progress before the page says so.
const lateAfter = 10 * time.Second

// isLate reports whether one of the projections is paused with events to process, or makes no
// progress.
func isLate(v *visit, projections ...string) bool {
	health := v.deps.API.Health(v.r.Context())
	return slices.ContainsFunc(health.Projections, func(p operator.ProjectionHealth) bool {
		return slices.Contains(projections, p.Projection) && p.State != nil && p.State.Lag > 0 &&
			(p.State.Paused || p.State.LagSeconds > lateAfter.Seconds())
	})
}

func clientConnections(v *visit, client directory.Account) (view, error) {
	return showConnections(v, client, "")
}

func showConnections(v *visit, client directory.Account, fault string) (view, error) {
	list, err := listAll(v, api.GetPlatforms, url.Values{"account": {client.ID}})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(list, func(a, b directory.ConnectedPlatform) int { // the API sorts by id
		return cmp.Or(cmp.Compare(a.Platform, b.Platform),
			inOrder(a.ProfileName, a.ProfileID, b.ProfileName, b.ProfileID))
	})
	shown := connectionsView{
		Account: client, Networks: v.deps.Platforms, Fault: fault, Late: isLate(v, "directory", "account_insights"),
	}
	page := func(p directory.ConnectedPlatform) domain.PageRef {
		return domain.PageRef{
			Platform: p.Platform, AccountType: p.AccountType, ExternalID: p.Platform.PlainID(p.ProfileID),
		}
	}
	connected := map[domain.PageRef]bool{}
	for _, p := range list {
		connected[page(p)] = connected[page(p)] || p.Status != domain.PageDisconnected
	}
	for _, p := range list {
		c := connection{ConnectedPlatform: p, Says: statusText(p), More: domain.AnswersOf(p.Reasons)}
		switch {
		case p.Status == domain.PageDisconnected:
			if !connected[page(p)] { // not connected in another row
				c.Again = signInsOf(p, v.deps.Platforms)
			}
		case p.Remedy() == domain.RemedySignIn:
			c.Again = []domain.Platform{p.SignInAt}
		}
		if lacks := connect.StayEmpty(p.Ungranted); len(lacks) > 0 && c.Again == nil {
			c.Says += fmt.Sprintf(" Some permissions were declined during sign-in, so some figures stay empty (%s). "+
				"Reconnect it, and leave all permissions selected on %s.",
				strings.Join(lacks, "; "), p.SignInAt.Title())
			c.Lacks, c.Again = true, []domain.Platform{p.SignInAt}
		}
		c.Well = p.Status == domain.PageOK && !c.Lacks
		c.Ends = domain.IsComputedID(p.ConnectionID) && p.Status != domain.PageDisconnected
		shown.Waits = shown.Waits || p.Status == domain.PageWaiting
		shown.Connected = append(shown.Connected, c)
	}
	return shown, nil
}

// statusText describes the status of a connected account and what to do.
func statusText(p directory.ConnectedPlatform) string {
	switch {
	case p.Status == domain.PageOK:
		return strings.TrimSpace("It is read regularly. " + string(p.Text))
	case !p.Read():
		return string(p.Text) + " Figures read earlier are kept."
	default:
		return string(p.Text)
	}
}

// signInsOf returns the platforms that a person can sign in to in order to reconnect a disconnected
// account. It is no longer known which of them was used before.
func signInsOf(p directory.ConnectedPlatform, configured []domain.Platform) (at []domain.Platform) {
	for _, candidate := range []domain.Platform{p.Platform.Facts().LoginBy, p.Platform} {
		if slices.Contains(configured, candidate) {
			at = append(at, candidate)
		}
	}
	if len(at) == 0 { // the API will report that no sign-in is configured
		return []domain.Platform{p.SignInAt}
	}
	return at
}

func reconnect(v *visit, client directory.Account) (view, error) {
	social, _ := strconv.ParseInt(v.form.Get("account"), 10, 64)
	begun, err := beginConnecting(v, client.ID, clientPath(client.ID, "connections"), social)
	if faults, taken := faultsOf(err, connectWords); taken {
		return showConnections(v, client, cmp.Or(faults.Fields["platform"], faults.Said))
	}
	return begun, err
}

type disconnectView struct {
	directory.ConnectedPlatform

	ClientID string
	Client   string
	Network  string
	SignIn   string                // name of the platform of its sign-in
	Keeps    bool                  // the platform of its sign-in does not let an app revoke the consent
	Fault    string                // why it was not disconnected
	Done     *connect.Disconnected // the result; nil: nothing was disconnected
}

func askToDisconnect(v *visit, client directory.Account) (view, error) {
	return connectedPage(v, client)
}

func connectedPage(v *visit, client directory.Account) (shown disconnectView, err error) {
	page, err := ask(v, api.GetPlatform, url.Values{"platformId": {v.r.PathValue("page")}})
	if err == nil && page.AccountID != client.ID {
		err = errNoPage
	}
	return disconnectView{
		ConnectedPlatform: page, ClientID: client.ID, Client: client.Name, Network: page.Platform.Title(),
		SignIn: page.SignInAt.Title(), Keeps: page.SignInAt.Facts().KeepsConsent,
	}, err
}

func disconnect(v *visit, client directory.Account) (view, error) {
	shown, err := connectedPage(v, client)
	if err != nil {
		return nil, err
	}
	done, err := once(v, api.PostDisconnect, url.Values{"platformId": {strconv.FormatInt(shown.ID, 10)}}, nil)
	if faults, taken := faultsOf(err, nil); taken {
		shown.Fault = faults.Said
		return shown, nil
	}
	shown.Done = &done
	return shown, err
}

// beginConnecting starts a sign-in on the platform in the form. Social is the page to reconnect, or 0.
func beginConnecting(v *visit, account, back string, social int64) (view, error) {
	begun, err := once(v, api.PostConnect, nil, func(in *api.ConnectInput) {
		platform, _ := strconv.Atoi(v.form.Get("platform"))
		in.Body.Platform, in.Body.Account = domain.Platform(platform), account
		in.Body.ReturnTo, in.Body.SocialAccount = v.prefix()+back, social
	})
	if err != nil {
		return nil, err
	}
	start, err := url.Parse(begun.StartURL)
	if err != nil {
		return nil, err
	}
	// Platforms redirect only to the public address, and the cookie that binds the sign-in to this
	// browser belongs to one host.
	if start.Host != v.r.Host {
		return nil, domain.NewError(domain.CodeConflict,
			"Platform sign-ins return only to %s://%s. Open the console at that address and connect again.",
			start.Scheme, start.Host)
	}
	return redirect(start.RequestURI()), nil
}
