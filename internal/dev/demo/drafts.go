package demo

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Source is the CloudEvents source of seeded events.
const Source = "/ledgerboard/demo"

// Drafts are all events of the directory, of metrics and contents, and of connections, ready to be
// appended: the directory first, then posts with what they say, readings, and which connections wait for a
// sign-in. Their ids do not change from run to run ([EventID]). The changes of dashboards are not among
// them: those are commands ([World.Changes]). The readings take seconds.
func (w *World) Drafts(ctx context.Context) ([]domain.Draft, error) {
	read, err := w.readHistory(ctx)
	if err != nil {
		return nil, err
	}
	drafts := make([]domain.Draft, 0, len(w.entities)+4*len(w.posts)+len(read.accounts)+len(read.posts)+len(read.states))
	for _, e := range w.entities {
		drafts = append(drafts, entityDraft(e, w.cfg.Anchor))
	}
	for _, p := range w.posts {
		for _, r := range p.registrations() {
			drafts = append(drafts, postDraft(r.PostRegistered), contentDraft(r))
		}
	}
	for _, r := range read.accounts {
		drafts = append(drafts, accountReadDraft(r))
	}
	for _, r := range read.posts {
		drafts = append(drafts, postReadDraft(r))
	}
	for _, s := range read.states {
		drafts = append(drafts, w.stateDraft(s))
	}
	return drafts, nil
}

func entityDraft(e domain.DirectoryEntity, at time.Time) domain.Draft {
	key := domain.EntityKey(e)
	return draft(domain.TopicDirectory, key, e, at, stamp(at))
}

func postDraft(p domain.PostRegistered) domain.Draft {
	return draft(domain.TopicMetrics, p.Key(), p, p.RegisteredAt, p.ExternalID, string(p.Origin), stamp(p.RegisteredAt))
}

func contentDraft(p registration) domain.Draft {
	c := domain.PostContent{PostRef: domain.PostRefOf(p.PostRegistered), AccountID: p.AccountID, Origin: p.Origin, PostTexts: p.texts}
	return draft(domain.TopicContents, c.Key(), c, p.RegisteredAt, stamp(p.RegisteredAt))
}

func accountReadDraft(r domain.AccountRead) domain.Draft {
	return draft(domain.TopicMetrics, r.Key(), r, r.CapturedAt, stamp(r.CapturedAt))
}

func postReadDraft(r domain.PostRead) domain.Draft {
	return draft(domain.TopicMetrics, r.Key(), r, r.CapturedAt, r.ExternalID, stamp(r.CapturedAt))
}

func (w *World) stateDraft(s domain.ConnectionStateChanged) domain.Draft {
	i := slices.IndexFunc(w.channels, func(c *channel) bool { return c.connection == s.ConnectionID })
	agency := w.channels[i].ParentAccount
	return draft(domain.TopicOperations, agency, s, s.At, strconv.FormatInt(s.ConnectionID, 10), stamp(s.At))
}

func draft(topic, key string, data domain.Data, at time.Time, parts ...string) domain.Draft {
	return domain.Draft{
		Topic: topic, Key: key, Data: data,
		Envelope: domain.Envelope{
			ID: EventID(data.EventType(), append([]string{key}, parts...)...), Source: Source,
			Type: data.EventType(), Subject: key, Time: at,
		},
	}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
