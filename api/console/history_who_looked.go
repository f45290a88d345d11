package console

import (
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

const looksPath = historyPath + "/looks"

// looksView is who looked at the history, the newest first.
type looksView struct {
	Actor string // whose looks; "": everybody's
	Looks []look
	More  string // address of the next page; "": this is the last one
}

func (looksView) template() (name, title string) { return "looks", "Who looked" }

// look is a reading or an export of the history.
type look struct {
	readmodels.AuditReadEntry

	What  string
	Board string // id of the one that was looked at; "": all of the agency
	About []string
}

// looks shows who looked at the history. Looking here is not recorded: the list would grow by it.
func (v *visit) looks() (view, error) {
	asked := url.Values{"limit": {"50"}}
	v.passOnGiven(asked, "actor", "cursor")
	entries, meta, err := getMeta[[]readmodels.AuditReadEntry, readmodels.AuditReadsMeta](v, "/api/audit/reads", asked)
	if err != nil {
		return nil, err
	}
	shown := looksView{Actor: asked.Get("actor")}
	for _, e := range entries {
		l, err := lookOf(e)
		if err != nil {
			return nil, err
		}
		shown.Looks = append(shown.Looks, l)
	}
	shown.More = nextPage(looksPath, asked, meta.NextCursor)
	return shown, nil
}

// lookedAt says in words what can be looked at.
var lookedAt = map[string]string{
	domain.AuditHistory: "the history",
	domain.AuditState:   "a board as it was",
	domain.AuditDiff:    "two moments compared",
	domain.AuditAccess:  "who had access",
	domain.AuditAsUser:  "a client's view, with that person's eyes",
}

func lookOf(e readmodels.AuditReadEntry) (look, error) {
	var told domain.AuditExported // a reading has the same members but for the format
	if err := json.Unmarshal(e.Read, &told); err != nil {
		return look{}, fmt.Errorf("read what was looked at: %w", err)
	}
	l := look{AuditReadEntry: e, What: nameOr(lookedAt[told.What], lookedAt[domain.AuditHistory]), Board: told.Dashboard}
	switch told.Format {
	case "":
	case domain.FormatBundle:
		l.What = "the proof bundle, as a file"
	default:
		l.What += ", as a file (" + told.Format + ")"
	}
	for _, part := range []struct{ name, value string }{
		{"at", told.Filter.At}, {"from", told.Filter.From}, {"to", told.Filter.To}, {"done by", told.Filter.Actor}, {"of the person", told.Filter.User},
	} {
		if part.value != "" {
			l.About = append(l.About, part.name+" "+part.value)
		}
	}
	return l, nil
}
