package console

import (
	"net/url"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// dayZone is the time zone in which a page's days begin.
type dayZone struct {
	Name string // IANA name
	Of   string // where it comes from: "the client's time zone"; "": it is the default, UTC
}

// zoneOf returns the zone in the address, or else the one that the person chose, that of the client
// or that of the agency, or else UTC. The zone in the address may be unknown: the API refuses it.
func zoneOf(v *visit) (dayZone, *time.Location) {
	if name := v.r.URL.Query().Get("tz"); name != "" {
		location, err := domain.LoadTimeZone(name)
		if err != nil {
			location = time.UTC
		}
		return dayZone{name, "from this page's address"}, location
	}
	ofAccount := "the agency's time zone"
	if !v.who.Roles.Has(api.RoleAgency) {
		ofAccount = "your organization's time zone"
	}
	for _, z := range []dayZone{
		{chosenZone(v), "your choice"}, {v.clientZone, "the client's time zone"}, {string(v.me.TimeZone), ofAccount},
	} {
		if location, err := domain.LoadTimeZone(z.Name); err == nil {
			return z, location
		}
	}
	return dayZone{Name: "UTC"}, time.UTC
}

// zoneCookie keeps the zone that a person chose, in this browser and for this person.
const (
	zoneCookie    = "__Host-lb_zone"
	zoneCookieAge = 365 * 24 * 60 * 60 // seconds
)

// chosenZone returns "" if the person has chosen none, and on a page viewed as another person.
func chosenZone(v *visit) string {
	cookie, err := v.r.Cookie(zoneCookie)
	if err != nil || v.viewedAs != nil {
		return ""
	}
	value, _ := url.QueryUnescape(cookie.Value)
	if zone, mine := strings.CutPrefix(value, v.who.UserID+" "); mine {
		return zone
	}
	return ""
}

const zonePath = root + "/zone"

// zoneView has a form for the person and, for staff, one for a client or the agency itself.
type zoneView struct {
	Mine    string
	Account *directory.Account // nil for a client user
	Faults  formFaults
	Saved   bool
}

func openZone(v *visit) (view, error) {
	given := v.r.URL.Query()
	shown := zoneView{Mine: chosenZone(v), Saved: given.Has("saved")}
	if !v.who.Roles.Has(api.RoleAgency) {
		return shown, nil
	}
	id := given.Get("account")
	if id == "" {
		id = v.who.AccountID
	}
	accounts, err := ask(v, api.GetAccounts, url.Values{"account": {id}})
	if err == nil && len(accounts.Data) == 1 {
		shown.Account = &accounts.Data[0]
	}
	return shown, err
}

func chooseZone(v *visit) (view, error) {
	zone := strings.TrimSpace(v.form.Get("tz"))
	saved, account := url.Values{"saved": {""}}, v.form.Get("account")
	var fault error
	switch {
	case account != "":
		saved.Set("account", account)
		_, fault = once(v, api.PutTimeZone, url.Values{"account_id": {account}}, func(in *api.TimeZoneInput) {
			in.Body.TimeZone = zone
		})
	case zone == "":
		setCookie(v.w, zoneCookie, "", -1)
	default:
		if _, err := domain.LoadTimeZone(zone); err != nil {
			fault = domain.InvalidField("time_zone", err.Error())
			break
		}
		setCookie(v.w, zoneCookie, url.QueryEscape(v.who.UserID+" "+zone), zoneCookieAge)
	}
	if fault == nil {
		return redirect(zonePath + "?" + saved.Encode()), nil
	}
	field := "tz"
	if account != "" {
		field = "account"
	}
	faults, taken := faultsOf(fault, map[string]fieldWords{"time_zone": {field, wordsOfZone}})
	if !taken {
		return nil, fault
	}
	v.r.URL.RawQuery = url.Values{"account": {account}}.Encode() // draw the form again
	shown, err := openZone(v)
	if form, ok := shown.(zoneView); ok {
		form.Faults = faults
		return form, err
	}
	return shown, err
}
