package demo

import (
	"iter"
	"slices"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Source is the CloudEvents source of seeded events.
const Source = "/ledgerboard/demo"

// Drafts are all events of the directory, of metrics and contents, and of connections, ready to be appended: the directory
// first, then posts with what they say, readings, and which connections wait for a sign-in. Their ids do not change from run to
// run ([EventID]). The changes of dashboards are not among them: those are commands ([World.Changes]).
func (w *World) Drafts() iter.Seq[domain.Draft] {
	return func(yield func(domain.Draft) bool) {
		_ = each(slices.Values(w.entities), func(e domain.DirectoryEntity) bool { return yield(entityDraft(e, w.cfg.Anchor)) }) &&
			each(w.Posts(), func(p Post) bool { return yield(postDraft(p.PostRegistered)) && yield(contentDraft(p)) }) &&
			each(w.AccountReadings(), func(r domain.AccountRead) bool { return yield(accountReadDraft(r)) }) &&
			each(w.PostReadings(), func(r domain.PostRead) bool { return yield(postReadDraft(r)) }) &&
			each(slices.Values(w.States()), func(s domain.ConnectionStateChanged) bool { return yield(w.stateDraft(s)) })
	}
}

// each hands on until it has to stop, and tells whether it came to the end.
func each[E any](elements iter.Seq[E], on func(E) bool) bool {
	for e := range elements {
		if !on(e) {
			return false
		}
	}
	return true
}

func entityDraft(e domain.DirectoryEntity, at time.Time) domain.Draft {
	key := domain.EntityKey(e)
	return draft(domain.TopicDirectory, key, e, at, stamp(at))
}

func postDraft(p domain.PostRegistered) domain.Draft {
	return draft(domain.TopicMetrics, p.Key(), p, p.RegisteredAt, p.ExternalID, string(p.Origin), stamp(p.RegisteredAt))
}

func contentDraft(p Post) domain.Draft {
	c := domain.PostContent{PostRef: domain.PostRefOf(p.PostRegistered), AccountID: p.AccountID, Origin: p.Origin, PostTexts: p.Texts}
	return draft(domain.TopicContents, c.Key(), c, p.RegisteredAt, stamp(p.RegisteredAt))
}

func accountReadDraft(r domain.AccountRead) domain.Draft {
	return draft(domain.TopicMetrics, r.Key(), r, r.CapturedAt, stamp(r.CapturedAt))
}

func postReadDraft(r domain.PostRead) domain.Draft {
	return draft(domain.TopicMetrics, r.Key(), r, r.CapturedAt, r.ExternalID, stamp(r.CapturedAt))
}

func (w *World) stateDraft(s domain.ConnectionStateChanged) domain.Draft {
	return draft(domain.TopicOperations, w.agencyOf(s.ConnectionID), s, s.At, strconv.FormatInt(s.ConnectionID, 10), stamp(s.At))
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
