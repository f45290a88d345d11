package commands

import (
	"time"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Caller identifies who requests a change and in which request. It becomes the audit part of the
// record.
type Caller struct {
	ParentAccount string // the agency whose stream is changed, 24 hex digits
	UserID        string // from the verified token; part of the scope of idempotency keys
	Role          string // the role that allowed the request
	OnBehalfOf    string // "" unless the caller acts for someone else
	RequestID     string
	TraceParent   string // W3C trace context, or ""
}

func (c Caller) sign(e *domain.Envelope) {
	e.Audit = domain.Audit{Actor: c.UserID, Role: c.Role, OnBehalfOf: c.OnBehalfOf, RequestID: c.RequestID}
	e.TraceParent = c.TraceParent
}

// NewDraft returns the draft of an event outside any chain, with a new event id.
func NewDraft(topic, key string, data domain.Data, now time.Time) domain.Draft {
	d := newDraft(topic, key, data.EventType(), now)
	d.Data = data
	return d
}

func newDraft(topic, key, eventType string, now time.Time) domain.Draft {
	return domain.Draft{Topic: topic, Key: key, Envelope: domain.Envelope{
		ID: uuid.Must(uuid.NewV7()).String(), Type: eventType, Subject: key, Time: now.UTC().Truncate(time.Microsecond),
	}}
}

// nextDraft returns the draft of the next event in an agency's chain. Its time is later than its
// predecessor's, so that "as of T" is always a prefix of the stream, whatever the writers' clocks
// say.
func nextDraft(parent, subAccount string, event domain.Data, head domain.StreamHead, now time.Time) domain.Draft {
	d := NewDraft(domain.TopicDashboards, parent, event, now)
	d.Envelope.Subject, d.Envelope.Chain = subAccount, &domain.ChainLink{Version: head.Version + 1, Prev: head.Hash}
	if earliest := head.Time.Add(time.Microsecond); head.Version > 0 && d.Envelope.Time.Before(earliest) {
		d.Envelope.Time = earliest
	}
	return d
}

// EraseDraft returns the draft of a tombstone. It removes the entity from the read model, and from
// the log once the log is compacted.
func EraseDraft(kind, id string, now time.Time) domain.Draft {
	return newDraft(domain.TopicDirectory, domain.DirectoryKey(kind, id), "directory."+kind+".v1", now)
}

// ContentDraft returns the draft of a post's content from one origin. at becomes its ce_time.
func ContentDraft(content domain.PostContent, at time.Time) domain.Draft {
	return NewDraft(domain.TopicContents, content.Key(), content, at)
}

// EraseContentDraft returns the draft of a tombstone. It removes the content from the tables
// immediately, and from the log once the log is compacted.
func EraseContentDraft(key string, at time.Time) domain.Draft {
	return newDraft(domain.TopicContents, key, domain.PostContent{}.EventType(), at)
}

// EntityDraft returns the draft of an entity's whole latest state.
func EntityDraft(entity domain.DirectoryEntity, now time.Time) domain.Draft {
	return NewDraft(domain.TopicDirectory, domain.EntityKey(entity), entity, now)
}

// MaxSkew is how far ahead of the clock a capture time can be.
const MaxSkew = time.Minute
