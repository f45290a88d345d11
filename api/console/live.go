package console

import (
	"net/url"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
)

const streamPath = Path + "/stream"

// streamFor is how long a stream lasts at most: then the browser opens it again, and the session is judged again. So one that was ended hears no
// more for long.
const streamFor = time.Minute

// live is the address of the stream that tells when these figures change.
func (f figures) live() string { return streamPath + "?" + f.of.Encode() }

// stream passes the API's stream of changed figures on, as long as the session lasts.
func (v *visit) stream() (view, error) {
	at, asked := v.r.URL.Query(), url.Values{}
	for _, name := range []string{"account", "dashboard"} {
		if at.Has(name) {
			asked.Set(name, at.Get(name))
		}
	}
	if last := v.r.Header.Get("Last-Event-ID"); last != "" {
		asked.Set("last_event_id", last)
	}
	if soon := v.console.deps.Now().Add(streamFor); v.who.ExpiresAt.IsZero() || soon.Before(v.who.ExpiresAt) {
		v.who.ExpiresAt = soon
	}
	return passOn("/api/live?" + asked.Encode()), nil
}

func (c *Console) livePages() []page {
	return []page{{pattern: "GET " + streamPath, roles: []api.Role{api.RoleAgency, api.RoleClient}, open: (*visit).stream}}
}
