package domain

// Values of [AuditRead].What.
const (
	AuditHistory = "history" // history of one dashboard, or of the whole agency
	AuditState   = "state"
	AuditDiff    = "diff"
	AuditAccess  = "access"
	// AuditAsUser records that agency staff viewed the console as a client user sees it. The filter
	// names the user.
	AuditAsUser = "as_user"
)

// FormatBundle is the format of proof bundles; a value of [AuditExported].Format.
const FormatBundle = "bundle"

// AuditTypePrefix is the prefix of the types of all events about reading the audit trail.
const AuditTypePrefix = "audit."

// AuditRead records that someone read the audit trail. The envelope holds the actor, the role and
// the request. The record is appended to `operations` under the agency's key before the response is
// shown.
type AuditRead struct {
	What      string      `json:"what"`                // "history", "state", "diff" or "access"
	Dashboard string      `json:"dashboard,omitempty"` // sub-account; "" for the whole agency
	AsOf      int64       `json:"as_of_version"`       // stream version that the response reflects; 0 if not yet known
	Filter    AuditFilter `json:"filter,omitzero"`
}

// AuditExported records that someone exported the audit trail. It is appended in the same way as
// [AuditRead].
type AuditExported struct {
	Format string `json:"format"` // "csv", "jsonl" or "bundle"
	// "history" or "access"; absent in old records, which means "history"
	What      string      `json:"what,omitempty"`
	Dashboard string      `json:"dashboard,omitempty"` // sub-account; "" for the whole agency
	AsOf      int64       `json:"as_of_version"`       // version of the stream that the file reflects
	Filter    AuditFilter `json:"filter,omitzero"`
}

// AuditFilter is the filter of the request. It holds ids of people and accounts, never names.
type AuditFilter struct {
	ByName  bool     `json:"by_name,omitempty"` // whether the search was by part of a name, which is not recorded
	Types   []string `json:"types,omitempty"`   // types of changes, by full name
	Actor   string   `json:"actor,omitempty"`   // id of the actor searched for
	User    string   `json:"user,omitempty"`    // id of the user searched for
	Account string   `json:"account,omitempty"` // id of the account searched for
	At      string   `json:"at,omitempty"`      // instant (RFC 3339) or version ("v12")
	From    string   `json:"from,omitempty"`    // start of the range: instant or version, like `at`
	To      string   `json:"to,omitempty"`      // end of the range: instant or version, like `at`
	// "asc" or "desc"; for access: "user", or absent for the order by dashboard
	Order  string `json:"order,omitempty"`
	Limit  int    `json:"limit,omitempty"`  // maximum number of entries of the page
	Cursor string `json:"cursor,omitempty"` // cursor of the page
}

// PersonErased records that an operator erased a person from the directory. It holds ids only.
type PersonErased struct {
	Order ErasureOrder `json:"order,omitzero"` // only the reason is set if the erasure was repeated after a restore

	User        string  `json:"user,omitempty"`            // the person's user id; "" for a member who is not a user
	Members     []int64 `json:"members,omitempty"`         // the person's members
	Sessions    int     `json:"sessions"`                  // number of sessions that were erased
	Connections []int64 `json:"connections,omitempty"`     // the erased connections
	Profiles    []int64 `json:"profiles,omitempty"`        // the person's own social accounts
	Pages       []int64 `json:"pages,omitempty"`           // social accounts that lost their connection
	Named       []int64 `json:"social_accounts,omitempty"` // further social accounts that the order names
	Contents    int     `json:"contents,omitempty"`        // number of erased post texts of profiles and named accounts

	Accounts []AccountOwner `json:"accounts,omitempty"` // known owners of profiles and named social accounts

	LocalOperator
}

// Validate checks the order, unless the erasure was repeated after a restore.
func (p PersonErased) Validate() error {
	if p.Order == (ErasureOrder{Reason: p.Order.Reason}) {
		return nil
	}
	return p.Order.Validate()
}

// EventType implements [Data].
func (AuditRead) EventType() string { return "audit.read.v1" }

// EventType implements [Data].
func (AuditExported) EventType() string { return "audit.exported.v1" }

// EventType implements [Data].
func (PersonErased) EventType() string { return "operations.person_erased.v1" }

// Validate checks what readers of the trail depend on.
func (a AuditRead) Validate() error { return checkLengths(a.Dashboard) }

// Validate checks what readers of the trail depend on.
func (a AuditExported) Validate() error { return checkLengths(a.Dashboard) }

// CheckpointSigned is a signed statement about the first records of `dashboards`, by their number
// per partition. It is appended to `operations` under the key "-". The note alone is the evidence;
// the other fields are hints.
type CheckpointSigned struct {
	Size      int64   `json:"size"`      // number of effective records that the checkpoint covers
	Positions []int64 `json:"positions"` // next offset of each partition
	Note      string  `json:"note"`      // text and signature in the format of golang.org/x/mod/sumdb/note
	// Topic is Kafka's id of the topic that was signed, 32 hex digits. A copy of the log has another.
	Topic string `json:"topic,omitempty"`
}

// EventType implements [Data].
func (CheckpointSigned) EventType() string { return "operations.checkpoint_signed.v1" }
