package domain

import "time"

// The topics of the log. A projection reads exactly one of them.
const (
	TopicDashboards = "dashboards" // key: parent account
	TopicMetrics    = "metrics"    // key: social account id
	TopicOperations = "operations" // key: parent account or [OperationsKeyAll]
	TopicDirectory  = "directory"  // key: entity kind ":" id; compacted
	TopicContents   = "contents"   // key: agency ":" origin ":" post id; compacted
)

// OperationsKeyAll is the key on `operations` of what concerns no single agency.
const OperationsKeyAll = "-"

// Data is the payload of an event. Implementations are plain structs with JSON tags; the name is
// the registered, versioned type (for example "metrics.post_read.v1"), never a Go type name.
type Data interface {
	EventType() string
}

// Envelope is everything an event carries beside its payload: CloudEvents 1.0 context attributes
// and our extensions. Its wire form (Kafka binary mode, ce_ headers) belongs to internal/eventlog.
type Envelope struct {
	ID      string    // ce_id: unique; ties between readings of one instant are broken by it
	Source  string    // ce_source: URI reference of the writer, for example "/ledgerboard/api"
	Type    string    // ce_type
	Subject string    // ce_subject: what the event is about (dashboard, social account, entity)
	Time    time.Time // ce_time: UTC, whole microseconds (PostgreSQL's resolution)

	Chain *ChainLink // only on chained topics (`dashboards`)
	Audit Audit      // who and why; empty for machine-made readings
	// TraceParent is the W3C trace context; it is the one header left out of the record's hash,
	// because proxies may rewrite it.
	TraceParent string
}

// ChainLink ties a record to its predecessor in the stream of its key.
type ChainLink struct {
	Version int64    // predecessor's version + 1; the first record has version 1
	Prev    [32]byte // SHA-256 of the predecessor, or the genesis hash of the stream
}

// Audit says who decided a record and by which request; each field is a ce_ extension header, so
// that the chain's hash covers it.
type Audit struct {
	Actor          string // ce_actor: user id of the verified token, or "system:<component>"
	Role           string // ce_actorrole: the role under which it was allowed
	OnBehalfOf     string // ce_onbehalfof
	CommandID      string // ce_commandid
	RequestID      string // ce_requestid: made by us, never what a caller wrote
	IdempotencyKey string // ce_idempotencykey: hex SHA-256 of agency, actor and the caller's key, else the command's id
	RequestDigest  string // ce_requestdigest: hex SHA-256 of method, path and canonical body
}

// Draft is an event that is about to be appended: its envelope, its place and its payload.
type Draft struct {
	Topic    string
	Key      string // never empty; what it is stands beside each topic
	Envelope Envelope
	Data     Data // nil on `directory` and `contents` means a tombstone
}

// Recorded is an event as it was read back from the log.
type Recorded struct {
	Topic     string
	Partition int32
	Offset    int64
	Key       string
	Envelope  Envelope
	Data      Data // nil for a tombstone
}

// Position names one record of the log.
type Position struct {
	Topic     string `json:"topic"`     // its name
	Partition int32  `json:"partition"` // of the topic
	Offset    int64  `json:"offset"`    // of the record
}
