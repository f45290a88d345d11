package console

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
)

const (
	connectPath      = root + "/connect"
	clientsToConnect = "200"
	linkDaysAtFirst  = 7
)

type connectView struct {
	Agency  bool // the visitor belongs to an agency and chooses a client
	Clients []choice
	More    bool
	Find    string
	Entry   connectEntry
	MaxDays int
	Links   []linkRow

	SignInFaults formFaults
	LinkFaults   formFaults
}

type connectEntry struct {
	Client   string
	Networks []networkChoice
	Days     string
}

type networkChoice struct {
	domain.Platform

	Ticked bool
}

type linkRow struct {
	domain.ConnectLink

	Account  string
	Networks []string
	Open     bool
}

type connectLinkMadeView struct {
	Made    connect.MadeLink
	Account string
}

func openConnecting(v *visit) (view, error) {
	return showConnecting(v, connectView{Entry: connectEntryOf(v, url.Values{
		"client": {v.r.URL.Query().Get("client")}, "days": {strconv.Itoa(linkDaysAtFirst)},
	})})
}

// connectEntryOf reads the form. A client user always connects for their own account.
func connectEntryOf(v *visit, form url.Values) connectEntry {
	e := connectEntry{Client: form.Get("client"), Days: form.Get("days")}
	if !v.who.Roles.Has(api.RoleAgency) {
		e.Client = v.who.AccountID
	}
	for _, p := range v.deps.Platforms {
		e.Networks = append(e.Networks, networkChoice{p, slices.Contains(form["platform"], strconv.Itoa(int(p)))})
	}
	return e
}

// showConnecting shows the page with its input. The list of clients also contains the chosen
// client, if its name can be read, even if the API response does not.
func showConnecting(v *visit, shown connectView) (view, error) {
	shown.Agency, shown.Find = v.who.Roles.Has(api.RoleAgency), v.r.URL.Query().Get("q")
	shown.MaxDays = connect.MaxLinkDays
	links, err := ask(v, api.GetConnectLinks, nil)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	if shown.Agency {
		asked := parameters(map[string]string{"active": "true", "q": shown.Find, "limit": clientsToConnect})
		accounts, err := ask(v, api.GetAccounts, asked)
		if err != nil {
			return nil, err
		}
		shown.More = accounts.Meta.NextCursor != ""
		for _, a := range accounts.Data {
			names[a.ID] = foreign(a.Name, a.ID)
			chosen := a.ID == shown.Entry.Client
			shown.Clients = append(shown.Clients, choice{ID: a.ID, Name: names[a.ID], Checked: chosen})
		}
		unnamed := []string{shown.Entry.Client}
		for _, l := range links {
			unnamed = append(unnamed, l.AccountID)
		}
		nameAccounts(v, names, unnamed)
		listed := slices.ContainsFunc(shown.Clients, func(c choice) bool { return c.Checked })
		if name := names[shown.Entry.Client]; name != "" && !listed {
			shown.Clients = append(shown.Clients, choice{ID: shown.Entry.Client, Name: name, Checked: true})
		}
	} else if v.me.Account != nil {
		names[v.me.Account.ID] = foreign(v.me.Account.Name, v.me.Account.ID)
	}
	for _, l := range links {
		row := linkRow{ConnectLink: l, Account: cmp.Or(names[l.AccountID], l.AccountID), Open: l.Open(v.deps.Now())}
		for _, p := range l.Platforms {
			row.Networks = append(row.Networks, p.Title())
		}
		shown.Links = append(shown.Links, row)
	}
	return shown, nil
}

// nameAccounts adds the missing names of accounts. If an account was deleted, the API refuses the
// request, so the other accounts in that request stay without names.
func nameAccounts(v *visit, names map[string]string, ids []string) {
	ids = slices.DeleteFunc(ids, func(id string) bool {
		_, isID := domain.HexID(id)
		return !isID || names[id] != ""
	})
	slices.Sort(ids)
	for some := range slices.Chunk(slices.Compact(ids), accountsToAsk) {
		accounts, err := ask(v, api.GetAccounts, url.Values{
			"account": {strings.Join(some, ",")}, "limit": {strconv.Itoa(accountsToAsk)},
		})
		if err != nil {
			v.log(slog.LevelDebug, "console: names of accounts could not be read", err)
		}
		for _, a := range accounts.Data {
			names[a.ID] = foreign(a.Name, a.ID)
		}
	}
}

var connectWords = map[string]fieldWords{
	"account":   {"client", "Choose the client."},
	"platform":  {"platform", "Choose a platform."},
	"platforms": {"platform", "Select one or more platforms."},
	"days":      {"days", fmt.Sprintf("Enter a whole number from 1 to %d.", connect.MaxLinkDays)},
}

func beginSignIn(v *visit) (view, error) {
	entered := connectEntryOf(v, v.form)
	back := connectPath
	if v.who.Roles.Has(api.RoleAgency) {
		back = clientPath(entered.Client, "connections")
	}
	begun, err := beginConnecting(v, entered.Client, back, 0)
	if faults, taken := faultsOf(err, connectWords); taken {
		entered = connectEntryOf(v, url.Values{"client": v.form["client"], "days": {strconv.Itoa(linkDaysAtFirst)}})
		return showConnecting(v, connectView{Entry: entered, SignInFaults: faults})
	}
	return begun, err
}

func makeLink(v *visit) (view, error) {
	entered := connectEntryOf(v, v.form)
	made, err := once(v, api.PostConnectLinks, nil, func(in *api.ConnectLinkInput) {
		in.Body.Account = entered.Client
		for _, n := range entered.Networks {
			if n.Ticked {
				in.Body.Platforms = append(in.Body.Platforms, n.Platform)
			}
		}
		in.Body.Days, _ = strconv.Atoi(strings.TrimSpace(entered.Days))
	})
	if faults, taken := faultsOf(err, connectWords); taken {
		return showConnecting(v, connectView{Entry: entered, LinkFaults: faults})
	}
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	if v.me.Account != nil {
		names[v.me.Account.ID] = string(v.me.Account.Name)
	}
	nameAccounts(v, names, []string{entered.Client})
	return connectLinkMadeView{made, cmp.Or(names[entered.Client], entered.Client)}, nil
}

func revokeLink(v *visit) (view, error) {
	_, err := once(v, api.PostConnectRevoke, url.Values{"link": {v.r.PathValue("link")}}, nil)
	return redirect(connectPath), err
}
