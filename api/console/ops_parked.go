package console

import (
	"bytes"
	"encoding/json"
	"net/url"

	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// parkedView lists parked events.
type parkedView struct {
	Filter parkedFilter
	Events []operator.ParkedEvent
	More   string // address of the next page; "": this is the last one
}

func (parkedView) template() (name, title string) { return "ops-parked", "Parked events" }

// parkedFilter is what the address asks for, in the API's words.
type parkedFilter struct {
	Projection, Stream, Type, State string
}

func (f parkedFilter) query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"projection": f.Projection, "stream": f.Stream, "type": f.Type, "state": f.State} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

func (v *visit) parked() (view, error) {
	at := v.r.URL.Query()
	shown := parkedView{Filter: parkedFilter{at.Get("projection"), at.Get("stream"), at.Get("type"), at.Get("state")}}
	asked := shown.Filter.query()
	v.passOnGiven(asked, "cursor")
	events, meta, err := getMeta[[]operator.ParkedEvent, readmodels.ListMeta](v, "/api/ops/parked", asked)
	if err != nil {
		return nil, err
	}
	shown.Events, shown.More = events, nextPage(parkedPath, asked, meta.NextCursor)
	return shown, nil
}

// parkedEventView is a parked event as it stands in the log.
type parkedEventView struct {
	Record  operator.ParkedRecord
	Payload string // indented; "": none, or hidden
	MaySkip bool   // it is of an agency's stream, whose chain is whole
}

func (parkedEventView) template() (name, title string) { return "ops-parked-event", "A parked event" }

func (v *visit) parkedEvent() (view, error) {
	record, err := get[operator.ParkedRecord](v, "/api/ops/parked/"+url.PathEscape(v.r.PathValue("id")), nil)
	return eventShown(record), err
}

func eventShown(record operator.ParkedRecord) view {
	shown := parkedEventView{Record: record, Payload: string(record.Payload), MaySkip: record.Projection == "dashboards" && record.Reason != "chain_broken"}
	var pretty bytes.Buffer
	if json.Indent(&pretty, record.Payload, "", "  ") == nil {
		shown.Payload = pretty.String()
	}
	return shown
}
