package console

import (
	"errors"
	"net/url"
	"strconv"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

const (
	connectPath      = Path + "/connect"
	clientsToConnect = "200"
	linkDaysAtFirst  = 7
)

// connectView is where something is connected, and where links for people without a login are made.
type connectView struct {
	Agency   bool // the visitor is of an agency, and chooses a client
	Clients  []choice
	More     bool // than Clients
	Find     string
	Networks []domain.Platform
	Days     int
	MaxDays  int
	Links    []linkRow
	Said     string // why no link was made
	Fields   []domain.FieldError
}

func (connectView) template() (name, title string) { return "connect", "Connect pages and profiles" }

// linkRow is a link with the names of its ids.
type linkRow struct {
	domain.ConnectLink

	Account  string
	Networks []string
	Open     bool
}

// linkMadeView shows a link's address, once.
type linkMadeView struct {
	Made    connect.MadeLink
	Account string
	Back    string
}

func (linkMadeView) template() (name, title string) { return "connect-link-made", "The link is made" }

func (v *visit) connecting() (view, error) { return v.showConnecting(nil) }

// showConnecting is the page; why is why a link was not made.
func (v *visit) showConnecting(why *domain.Error) (view, error) {
	at := v.r.URL.Query()
	shown := connectView{
		Agency: v.who.Roles.Has(api.RoleAgency), Networks: domain.Platforms(), Days: linkDaysAtFirst, MaxDays: connect.MaxLinkDays, Find: at.Get("q"),
	}
	if why != nil {
		shown.Said, shown.Fields = why.Message, why.Fields
	}
	names := map[string]string{}
	if shown.Agency {
		asked := url.Values{"active": {"true"}, "limit": {clientsToConnect}}
		if shown.Find != "" {
			asked.Set("q", shown.Find)
		}
		accounts, meta, err := getMeta[[]readmodels.Account, readmodels.ListMeta](v, "/api/accounts", asked)
		if err != nil {
			return nil, err
		}
		shown.More = meta.NextCursor != ""
		for _, a := range accounts {
			names[a.ID] = nameOr(a.Name, a.ID)
			shown.Clients = append(shown.Clients, choice{ID: a.ID, Name: names[a.ID], Now: a.ID == at.Get("client")})
		}
	} else if v.me.Account != nil {
		names[v.me.Account.ID] = nameOr(v.me.Account.Name, v.me.Account.ID)
	}
	links, err := get[[]domain.ConnectLink](v, "/api/connect/links", nil)
	if err != nil {
		return nil, err
	}
	for _, l := range links {
		row := linkRow{ConnectLink: l, Account: nameOr(names[l.AccountID], l.AccountID), Open: l.Open(v.console.deps.Now())}
		for _, p := range l.Platforms {
			row.Networks = append(row.Networks, connect.Shown(p))
		}
		shown.Links = append(shown.Links, row)
	}
	return shown, nil
}

// chosenAccount is the account of a form; a client connects for its own.
func (v *visit) chosenAccount(form url.Values) string {
	if v.who.Roles.Has(api.RoleAgency) {
		return form.Get("client")
	}
	return v.who.AccountID
}

// connect begins a sign-in.
func (v *visit) connect() (view, error) {
	form, err := v.form()
	if err != nil {
		return nil, err
	}
	asked := connectRequest{Account: v.chosenAccount(form), ReturnTo: connectPath}
	asked.Platform, _ = strconv.Atoi(form.Get("platform"))
	if v.who.Roles.Has(api.RoleAgency) {
		asked.ReturnTo = clientPath(asked.Account, "connections")
	}
	return v.beginConnecting(asked)
}

// makeLink makes a link for somebody without a login, and shows it.
func (v *visit) makeLink() (view, error) {
	form, err := v.form()
	if err != nil {
		return nil, err
	}
	platforms := []int{}
	for _, text := range form["platform"] {
		number, _ := strconv.Atoi(text)
		platforms = append(platforms, number)
	}
	days, _ := strconv.Atoi(form.Get("days"))
	account := v.chosenAccount(form)
	made, err := post[connect.MadeLink](v, "/api/connect/links", map[string]any{"account": account, "platforms": platforms, "days": days})
	if why, told := errors.AsType[*domain.Error](err); told && why.Code != domain.CodeUnavailable {
		return v.showConnecting(why)
	}
	if err != nil {
		return nil, err
	}
	shown := linkMadeView{Made: made, Account: account, Back: connectPath}
	if v.me.Account != nil && v.me.Account.ID == account {
		shown.Account = nameOr(v.me.Account.Name, account)
	} else if a, err := get[[]readmodels.Account](v, "/api/accounts", url.Values{"account": {account}}); err == nil && len(a) == 1 {
		shown.Account = nameOr(a[0].Name, account)
	}
	return shown, nil
}

// revokeLink takes a link back.
func (v *visit) revokeLink() (view, error) {
	if _, err := post[domain.ConnectLink](v, "/api/connect/links/"+url.PathEscape(v.r.PathValue("link"))+"/revoke", nil); err != nil {
		return nil, err
	}
	return redirect(connectPath), nil
}
