package console

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

const connectionsOnAPage = "200"

// connectionsView is what is connected for a client.
type connectionsView struct {
	Name      string
	ID        string
	Connected []connection
	More      bool // than Connected
	Networks  []domain.Platform
	Waits     bool   // a first reading is to come
	Fault     string // why no sign-in began
}

// connection is a page or profile with what is to be said of it.
type connection struct {
	readmodels.ConnectedPlatform

	Says  string // how it is, and what to do
	Lacks bool   // figures, because of what was declined at the sign-in
	Again bool   // signing in once more repairs it
	Ends  bool   // it can be disconnected here: the main application disconnects what it connected
	Well  bool
}

// clientConnections are those of a client, for its agency.
func clientConnections(v *visit, client readmodels.Account) (view, error) {
	return showConnections(v, client, "")
}

func showConnections(v *visit, client readmodels.Account, fault string) (view, error) {
	list, meta, err := getMeta[[]readmodels.ConnectedPlatform, readmodels.ListMeta](
		v, "/api/platforms", url.Values{"account": {client.ID}, "limit": {connectionsOnAPage}})
	if err != nil {
		return nil, err
	}
	shown := connectionsView{Name: client.Name, ID: client.ID, More: meta.NextCursor != "", Networks: domain.Platforms(), Fault: fault}
	page := func(p readmodels.ConnectedPlatform) domain.PageRef {
		return domain.PageRef{Platform: p.Platform, AccountType: p.AccountType, ExternalID: p.Platform.PlainID(p.ProfileID)}
	}
	connected := map[domain.PageRef]bool{}
	for _, p := range list {
		connected[page(p)] = connected[page(p)] || p.State != readmodels.PlatformDisconnected
	}
	for _, p := range list {
		says := strings.ReplaceAll(cmp.Or(stateWords[p.State], "It is read."), "%s", p.Platform.Title())
		if p.State == readmodels.PlatformDisconnected {
			says = string(p.Reason) // in our words, too
		}
		c := connection{ConnectedPlatform: p, Says: says}
		c.Again = slices.Contains([]readmodels.PlatformState{
			readmodels.PlatformDisconnected, readmodels.PlatformReconnect, readmodels.PlatformPermission,
		}, p.State)
		if lacks := connect.StayEmpty(p.Ungranted); len(lacks) > 0 && !c.Again {
			c.Says += " Not everything was allowed at the sign-in, so these figures stay empty, " + strings.Join(lacks, "; ") +
				". Connect it again, and leave everything ticked at " + p.Platform.Title() + "."
			c.Lacks, c.Again = true, true
		}
		if p.State == readmodels.PlatformDisconnected && connected[page(p)] { // as another row
			c.Again = false
		}
		c.Well = p.State == readmodels.PlatformOK && !c.Lacks
		c.Ends = domain.Computed(p.ConnectionID) && p.State != readmodels.PlatformDisconnected
		shown.Waits = shown.Waits || p.State == readmodels.PlatformWaiting
		shown.Connected = append(shown.Connected, c)
	}
	return shown, nil
}

// stateWords are how a connected account is, and what to do, in our words: those of the platform stand behind it. %s: the platform.
var stateWords = map[readmodels.PlatformState]string{
	readmodels.PlatformReconnect: "%s does not let us in any more. Someone must sign in there again. Figures that were read stay.",
	readmodels.PlatformPaused: "It is not read from %s at the moment: the operator of this service has paused it. " +
		"Figures that were read stay.",
	readmodels.PlatformUnsubscribed: "It is not read, because no subscription runs.",
	readmodels.PlatformBlocked:      "%s gives no figures of it, by rules of its own. Look at the account there.",
	readmodels.PlatformPermission:   "A permission is missing. Connect it again, and leave everything ticked at %s.",
	readmodels.PlatformThrottled:    "%s answers no more questions for now. It is read again by itself.",
	readmodels.PlatformFailing:      "It could not be read the last time. It is tried again by itself.",
	readmodels.PlatformWaiting:      "Its first reading is about to come.",
}

// sourceSays is why figures of a network are missing, and what to do. Why an account is disconnected its reason says.
func sourceSays(status analytics.SourceStatus, network string) string {
	switch status {
	case analytics.SourceReconnect:
		return network + " does not let us in any more. Someone must sign in there again."
	case analytics.SourceNeverRead:
		return "Nothing was read from " + network + " yet. See how its connection is."
	case analytics.SourcePartial:
		return "Some figures of " + network + " are missing. The end of the page of figures says why."
	default:
		return ""
	}
}

// reconnect begins a sign-in for a page or profile that was connected before.
func reconnect(v *visit, client readmodels.Account) (view, error) {
	asked := connectRequest{Account: client.ID, ReturnTo: clientPath(client.ID, "connections")}
	asked.Platform, _ = strconv.Atoi(v.form.Get("platform"))
	asked.SocialAccount, _ = strconv.ParseInt(v.form.Get("account"), 10, 64)
	begun, err := beginConnecting(v, asked)
	if faults, taken := faultsOf(err, connectWords); taken {
		return showConnections(v, client, nameOr(faults.Beside["platform"], faults.Said))
	}
	return begun, err
}

// disconnectView asks whether to disconnect a page or profile, and says what came of it.
type disconnectView struct {
	readmodels.ConnectedPlatform

	ClientID string
	Client   string
	Network  string
	Fault    string                // why it was not done
	Done     *connect.Disconnected // nil: it is asked
}

// askToDisconnect says what is kept and what is deleted before a page or profile is disconnected.
func askToDisconnect(v *visit, client readmodels.Account) (view, error) {
	return connectedPage(v, client)
}

// connectedPage is the page or profile of the client that the address names.
func connectedPage(v *visit, client readmodels.Account) (shown disconnectView, err error) {
	of, err := get[readmodels.ConnectedPlatform](v, "/api/platforms/"+url.PathEscape(v.r.PathValue("page")), nil)
	if err == nil && of.AccountID != client.ID {
		err = errNoPage
	}
	return disconnectView{ConnectedPlatform: of, ClientID: client.ID, Client: client.Name, Network: of.Platform.Title()}, err
}

// disconnect stops the reading of a page or profile. The directory records who did it.
func disconnect(v *visit, client readmodels.Account) (view, error) {
	shown, err := connectedPage(v, client)
	if err != nil {
		return nil, err
	}
	done, err := post[connect.Disconnected](v, "/api/platforms/"+strconv.FormatInt(shown.ID, 10)+"/disconnect", nil)
	if faults, taken := faultsOf(err, nil); taken {
		shown.Fault = faults.Said
		return shown, nil
	}
	shown.Done = &done
	return shown, err
}

// connectRequest is the body of what begins a sign-in.
type connectRequest struct {
	Platform      int    `json:"platform"`
	Account       string `json:"account"`
	ReturnTo      string `json:"return_to,omitempty"`
	SocialAccount int64  `json:"social_account,omitempty"`
}

// beginConnecting has the API begin a sign-in, and leads to its page.
func beginConnecting(v *visit, asked connectRequest) (view, error) {
	asked.ReturnTo = v.console.prefix() + asked.ReturnTo
	begun, err := post[connect.Begun](v, "/api/connect", asked)
	if err != nil {
		return nil, err
	}
	start, err := url.Parse(begun.StartURL)
	if err != nil {
		return nil, err
	}
	// Platforms come back to the public address alone, and what binds the sign-in to this browser is of one host.
	if start.Host != v.r.Host {
		return nil, domain.NewError(domain.CodeConflict,
			"Sign-ins at platforms come back to %s://%s alone. Open the console there, and connect again.", start.Scheme, start.Host)
	}
	return redirect(start.RequestURI()), nil
}
