package console

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

const looksPath = historyPath + "/looks"

type looksView struct {
	Actor *history.Named // whose views; nil: everyone's
	Looks []auditRead
	More  string

	Incomplete string
}

type auditRead struct {
	history.AuditReadEntry

	What  string
	Board *history.Named // the board that was viewed; nil: all boards
	About []filterPart
}

type filterPart struct {
	Words   string
	Subject *history.Named
	Path    string // address of Subject's page; "": none
}

// openLooks lists the recorded views of the history. Views of this list are not recorded, because
// the list would grow with each of them.
func openLooks(v *visit) (view, error) {
	asked := url.Values{"limit": {"50"}}
	copyParameters(v, asked, "actor", "cursor")
	read, err := ask(v, api.GetAuditReads, asked)
	if err != nil {
		return nil, err
	}
	entries, meta := read.Data, read.Meta
	shown := looksView{Incomplete: meta.Incomplete}
	if actor := asked.Get("actor"); actor != "" {
		shown.Actor = &history.Named{ID: actor}
	}
	for _, e := range entries {
		l, err := auditReadOf(e)
		if err != nil {
			return nil, err
		}
		if shown.Actor != nil && shown.Actor.ID == e.Actor.ID {
			shown.Actor = &e.Actor
		}
		shown.Looks = append(shown.Looks, l)
	}
	shown.More = nextPage(looksPath, asked, meta.NextCursor)
	return shown, nil
}

var auditReadWords = map[string]string{
	domain.AuditHistory: "the history",
	domain.AuditState:   "the board as it was",
	domain.AuditDiff:    "a comparison of two times",
	domain.AuditAccess:  "who had access",
	domain.AuditAsUser:  "a client user's view",
}

func auditReadOf(e history.AuditReadEntry) (auditRead, error) {
	var asked domain.AuditExported // a view has the same fields except the format
	if err := json.Unmarshal(e.Read, &asked); err != nil {
		return auditRead{}, fmt.Errorf("decode audit read: %w", err)
	}
	named := func(id string) *history.Named {
		if id == "" {
			return nil
		}
		if at := slices.IndexFunc(e.Names, func(n history.Named) bool { return n.ID == id }); at >= 0 {
			return &e.Names[at]
		}
		return &history.Named{ID: id}
	}
	l := auditRead{
		AuditReadEntry: e, Board: named(asked.Dashboard),
		What: cmp.Or(auditReadWords[asked.What], auditReadWords[domain.AuditHistory]),
	}
	switch asked.Format {
	case "":
	case domain.FormatBundle:
		l.What = "the proof bundle, as a file"
	default:
		l.What += ", as a file (" + asked.Format + ")"
	}
	f := asked.Filter
	add := func(given, words, id, path string) {
		if given != "" {
			l.About = append(l.About, filterPart{words, named(id), path})
		}
	}
	add(f.At, momentInWords("at", f.At), "", "")
	add(f.From, momentInWords("from", f.From), "", "")
	add(f.To, momentInWords("to", f.To), "", "")
	for _, kind := range f.Types {
		add(kind, "changes of type “"+inWords(kind)+"”", "", "")
	}
	add(f.Actor, "changes made by", f.Actor, personPath(f.Actor))
	add(f.User, "person", f.User, personPath(f.User))
	add(f.Account, "links with", f.Account, historyAddress("", "dashboard:"+f.Account))
	if f.ByName {
		l.About = append(l.About, filterPart{Words: "a search for part of a name, which is not recorded"})
	}
	add(f.Cursor, "a further page", "", "")
	return l, nil
}

// momentInWords describes an instant, or the version of a record such as "v12".
func momentInWords(edge, moment string) string {
	switch at, err := time.Parse(time.RFC3339Nano, moment); {
	case err != nil:
		return edge + " change " + strings.TrimPrefix(moment, "v")
	case at.Unix() == 0:
		return edge + " the beginning"
	default:
		return edge + " " + instant(at)
	}
}

func personPath(id string) string {
	if !personal(id) {
		return ""
	}
	return peoplePath + id
}

type verifyView struct {
	Agency string
	Newest *api.CheckpointEntry // nil: no checkpoint is signed yet
}

func openVerify(v *visit) (view, error) {
	shown := verifyView{Agency: v.who.AccountID}
	list, err := ask(v, api.GetAuditCheckpoints, url.Values{"limit": {"1"}})
	if len(list.Data) > 0 {
		shown.Newest = &list.Data[0]
	}
	return shown, err
}

func downloadBundle(*visit) (view, error) {
	return download(func(v *visit) (api.File, error) { return ask(v, api.GetAuditBundle, nil) }), nil
}
