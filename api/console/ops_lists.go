package console

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

type opsActionsView struct {
	Actions    []actionRow
	Incomplete string
	You        string
	More       string
}

type actionRow struct {
	operator.RecordedAction

	On string
}

func openActions(v *visit) (view, error) {
	asked := url.Values{"limit": {"50"}}
	copyParameters(v, asked, "cursor")
	list, err := ask(v, api.GetOpsActions, asked)
	if err != nil {
		return nil, err
	}
	actions, meta := list.Data, list.Meta
	var pages map[string][]string
	if slices.ContainsFunc(actions, func(a operator.RecordedAction) bool { return a.Target.Connection != 0 }) {
		if pages, err = connectionPages(v); err != nil {
			return nil, err
		}
	}
	shown := opsActionsView{Incomplete: meta.Incomplete, You: v.who.UserID, More: nextPage(actionsPath, asked, meta.NextCursor)}
	for _, a := range actions {
		on := a.On(domain.Platform.Title, func(id int64) string {
			// Its pages may have belonged to another client at the time of the action.
			return strings.Replace(withPages(strconv.FormatInt(id, 10), pages), "(", "(today ", 1)
		})
		shown.Actions = append(shown.Actions, actionRow{a, on})
	}
	return shown, nil
}

type opsLogView struct {
	Topics []topicRow
}

type topicRow struct {
	operator.Topic

	Records    int64 // number of records kept in all partitions
	Leaderless int   // number of partitions without a leader
	Behind     int   // number of partitions with a replica that is not in sync
	Replicas   int   // smallest number of replicas of a partition
}

func openLog(v *visit) (view, error) {
	topics, err := ask(v, api.GetOpsLog, nil)
	if err != nil {
		return nil, err
	}
	shown := opsLogView{}
	for _, t := range topics {
		row := topicRow{Topic: t}
		for i, p := range t.Partitions {
			row.Records += p.End - p.Start
			if p.Leader < 0 {
				row.Leaderless++
			}
			if p.InSync < p.Replicas {
				row.Behind++
			}
			if i == 0 || p.Replicas < row.Replicas {
				row.Replicas = p.Replicas
			}
		}
		shown.Topics = append(shown.Topics, row)
	}
	return shown, nil
}

type opsDeadLettersView struct {
	Letters []operator.DeadLetter
	More    string

	names map[string]string // of agencies, accounts and pages, by id
}

// Name returns the name of the agency, account or page that a stream belongs to; "": unknown.
func (o opsDeadLettersView) Name(stream string) string {
	kind, id, _ := strings.Cut(stream, ":") // not a directory key: the id of an agency or a page comes first
	if kind == domain.KindAccount || kind == domain.KindSocialAccount {
		return o.names[id]
	}
	return o.names[kind]
}

func openDeadLetters(v *visit) (view, error) {
	asked := url.Values{}
	copyParameters(v, asked, "cursor")
	list, err := ask(v, api.GetOpsDeadLetters, asked)
	if err != nil {
		return nil, err
	}
	letters := list.Data
	names := map[string]string{}
	if len(letters) > 0 {
		connections, err := ask(v, api.GetOpsConnections, nil)
		if err != nil {
			return nil, err
		}
		for _, c := range connections {
			names[c.Agency], names[c.AccountID] = string(c.AgencyName), string(c.AccountName)
			names[strconv.FormatInt(c.SocialAccount, 10)] = string(c.Name) // empty for profiles of people
		}
	}
	return opsDeadLettersView{Letters: letters, names: names, More: nextPage(deadLettersPath, asked, list.Meta.NextCursor)}, nil
}

type opsDeadLetterView struct {
	Record  operator.DeadRecord
	Payload string // indented; "": none
}
