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
	Events []operator.ParkedEvent
	More   string // address of the next page; "": this is the last one
}

func (parkedView) template() (name, title string) { return "ops-parked", "Parked events" }

func (v *visit) parked() (view, error) {
	asked := url.Values{}
	v.passOnGiven(asked, "cursor")
	events, meta, err := getMeta[[]operator.ParkedEvent, readmodels.ListMeta](v, "/api/ops/parked", asked)
	if err != nil {
		return nil, err
	}
	return parkedView{Events: events, More: nextPage(parkedPath, asked, meta.NextCursor)}, nil
}

// parkedEventView is a parked event as it stands in the log.
type parkedEventView struct {
	Record  operator.ParkedRecord
	Payload string // indented; "": none
}

func (parkedEventView) template() (name, title string) { return "ops-parked-event", "A parked event" }

func eventShown(record operator.ParkedRecord) view {
	shown := parkedEventView{Record: record, Payload: string(record.Payload)}
	var pretty bytes.Buffer
	if json.Indent(&pretty, record.Payload, "", "  ") == nil {
		shown.Payload = pretty.String()
	}
	return shown
}
